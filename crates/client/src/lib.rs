//! Bootstrap, metadata cache, leader routing, retry taxonomy and administration.
