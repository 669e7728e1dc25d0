//! What every error of Ottla must answer: did it happen, may I retry, whose fault is it?

/// Whether what was asked for took effect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It did. The error is about something after it.
    Happened,
    /// It did not, and never will by itself.
    DidNotHappen,
    /// Nobody can tell: it may have, or may yet.
    Unknown,
}

/// Whether, and how, asking again can help.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retry {
    /// Never: the same request will fail the same way.
    Never,
    /// After a pause, as it is.
    Later,
    /// After asking again who leads the partition.
    AfterRefresh,
    /// With the very same producer id, epoch and sequence, so that it cannot land twice.
    SameSequence,
}

/// Who has to act.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The caller: the request cannot be granted as it is.
    Caller,
    /// The cluster: its operator should look.
    Cluster,
    /// Nobody: such things happen, and pass.
    Nobody,
}

/// The three answers, as a trait that every error enum at a crate's rim implements. Implementations
/// match without a `_` arm, so that a new variant must take a position.
pub trait Answers {
    /// Did it happen?
    fn outcome(&self) -> Outcome;
    /// May I retry?
    fn retry(&self) -> Retry;
    /// Whose fault is it?
    fn fault(&self) -> Fault;
}

impl Outcome {
    /// The stable word on the wire and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Happened => "happened",
            Self::DidNotHappen => "did_not_happen",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Happened, Self::DidNotHappen, Self::Unknown].into_iter().find(|o| o.name() == name)
    }
}

impl Retry {
    /// The stable word on the wire and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Later => "later",
            Self::AfterRefresh => "after_refresh",
            Self::SameSequence => "same_sequence",
        }
    }

    /// The advice with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Never, Self::Later, Self::AfterRefresh, Self::SameSequence]
            .into_iter()
            .find(|r| r.name() == name)
    }
}

impl Fault {
    /// The stable word on the wire and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Cluster => "cluster",
            Self::Nobody => "nobody",
        }
    }

    /// The party with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Caller, Self::Cluster, Self::Nobody].into_iter().find(|f| f.name() == name)
    }
}
