//! The machine against scenarios, and against a broker that loses, repeats and refuses.

mod chaos;
mod scenario;
mod world;
