//! Which features the records use, and at which level.

use std::collections::BTreeMap;

use super::{Refusal, ReplayError};
use crate::record::FeatureLevelRecord;

/// The feature whose level says which kinds and versions of records there may be.
pub const METADATA_VERSION: &str = "metadata.version";

/// The highest level of [`METADATA_VERSION`] that this release reads and writes.
pub const METADATA_VERSION_MAX: u16 = 1;

/// Feature levels. A feature that is not named is at level 0: not in use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeaturesImage {
    levels: BTreeMap<String, u16>,
}

impl FeaturesImage {
    /// The level of this feature; 0 when it is not in use.
    pub fn level(&self, feature: &str) -> u16 {
        self.levels.get(feature).copied().unwrap_or(0)
    }

    /// Every feature in use with its level, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u16)> {
        self.levels.iter().map(|(feature, level)| (feature.as_str(), *level))
    }

    pub(super) fn replay(&mut self, record: &FeatureLevelRecord) -> Result<(), Refusal> {
        let FeatureLevelRecord { feature, level } = record;
        let level_max = if feature == METADATA_VERSION { METADATA_VERSION_MAX } else { 0 };
        if *level > level_max {
            let error = ReplayError::Feature { feature: feature.clone(), level: *level, level_max };
            return Err(Refusal::Error(error));
        }
        let current = self.level(feature);
        if *level < current {
            let why = format!("`{feature}` is at level {current} and cannot go back to {level}");
            return Err(Refusal::Contradiction(why));
        }
        self.levels.insert(feature.clone(), *level);
        Ok(())
    }
}
