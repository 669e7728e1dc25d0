//! The `Broker` facade in domain words: partition drivers, metadata reconciler, parked fetches, budgets.
