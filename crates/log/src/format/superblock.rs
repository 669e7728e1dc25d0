//! Who a directory is: the first thing read at start, the last thing trusted blindly.
//!
//! Body, inside the shell of small files (mark `OTTLSUPR`, version 1):
//!
//! ```text
//!  0   1  role: 0 data and journal in one directory, 1 data with the journal elsewhere, 2 journal alone
//!  1   7  reserved, zero
//!  8  16  cluster id
//! 24   4  broker id
//! 28   4  reserved, zero
//! 32  16  directory id; the same in both halves of a pair
//! 48  16  pairing id: drawn when the journal was placed; the same in both halves of a pair
//! 64   8  incarnation: how often the directory was opened for writing
//! 72   8  created at, milliseconds since 1970
//! ```

use bytes::BufMut;
use ottla_model::{BrokerId, ClusterId, DirectoryId, Timestamp};

use super::FormatError;
use super::sealed::Kind;

const KIND: Kind = Kind { what: "superblock", mark: b"OTTLSUPR", version: 1 };

/// Which half of a pair a directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectoryRole {
    /// Data, with the journal inside.
    Whole,
    /// Data whose journal lies in another directory.
    Data,
    /// The journal of a data directory that lies elsewhere.
    Journal,
}

/// Who a directory is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Superblock {
    /// Which half this is.
    pub role: DirectoryRole,
    /// The cluster whose data this is.
    pub cluster: ClusterId,
    /// The broker whose data this is.
    pub broker: BrokerId,
    /// The directory, for ever. A wiped one comes back with another.
    pub directory: DirectoryId,
    /// What binds data and journal: two halves belong together only when it is the same in both.
    pub pairing: DirectoryId,
    /// How often the directory was opened for writing. It is raised, and durable in both halves,
    /// before the first round of a run; a half that is behind is an older copy.
    pub incarnation: u64,
    /// When the directory was made. Informs people only.
    pub created_at: Timestamp,
}

impl Superblock {
    /// The version that is written, and so that of the whole directory.
    pub const VERSION: u16 = KIND.version;

    /// The whole file.
    pub fn encode(&self) -> Vec<u8> {
        let Self { role, cluster, broker, directory, pairing, incarnation, created_at } = self;
        KIND.seal(|body| {
            body.put_u8(role.code());
            body.put_bytes(0, 7);
            body.put_slice(&cluster.to_bytes());
            body.put_i32_le(broker.0);
            body.put_bytes(0, 4);
            body.put_slice(&directory.to_bytes());
            body.put_slice(&pairing.to_bytes());
            body.put_u64_le(*incarnation);
            body.put_i64_le(created_at.0);
        })
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// Whatever makes it anything but a superblock of a known version, wholly written.
    pub fn decode(file: &[u8]) -> Result<Self, FormatError> {
        let mut body = KIND.open(file)?;
        let role = DirectoryRole::from_code(body.u8()?).ok_or(body.invalid("unknown role"))?;
        body.reserved(7)?;
        let cluster = ClusterId::from_bytes(body.array()?);
        let broker = BrokerId(body.i32()?);
        body.reserved(4)?;
        let superblock = Self {
            role,
            cluster,
            broker,
            directory: DirectoryId::from_bytes(body.array()?),
            pairing: DirectoryId::from_bytes(body.array()?),
            incarnation: body.u64()?,
            created_at: Timestamp(body.i64()?),
        };
        body.finish()?;
        Ok(superblock)
    }
}

impl DirectoryRole {
    const fn code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Data => 1,
            Self::Journal => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Whole, Self::Data, Self::Journal].into_iter().find(|role| role.code() == code)
    }
}
