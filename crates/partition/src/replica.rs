//! One replica, as four kinds of method: getters, inputs, commands, outputs.
//!
//! Invariants (functions in `invariants.rs`):
//! - An acknowledgement leaves only when its condition holds; every ticket is answered exactly once.
//! - R9, L11 The high watermark and the log start never go back while this replica leads.
//! - Fetches that are parked are woken once per advance of the high watermark, never without one
//!   unless the replica stops leading.

use std::collections::VecDeque;

use ottla_model::{Acks, BrokerId, Durability, LeaderEpoch, Moment, Offset, Timestamp};
use ottla_record::CheckedBatch;

use crate::acks::Waiter;
use crate::config::ReplicaConfig;
use crate::effect::{Appended, Effect, Produced, Ticket};
use crate::error::{AppendError, FetchError, MoveStartError, RoleError};
use crate::log::ReplicaLog;
use crate::offsets::{FetchBounds, Offsets};
use crate::role::{Follower, Leader, Role, divergence};

/// One replica of one partition.
#[derive(Debug)]
pub struct Replica {
    config: ReplicaConfig,
    offsets: Offsets,
    role: Role,
    next_ticket: u64,
    /// Whether a fetch waits for the high watermark to move.
    fetch_is_parked: bool,
    effects: VecDeque<Effect>,
}

/// 10,000 idle partitions are a designed state: beside its log, each has at most 4 KiB.
const _: () = assert!(size_of::<Replica>() <= 512);

/// What the producer of a batch asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Who has to have it before the answer.
    pub acks: Acks,
    /// What it has to survive by then; `None`: what the topic says, which is never lowered.
    pub durability: Option<Durability>,
}

impl From<Acks> for Wanted {
    fn from(acks: Acks) -> Self {
        Self { acks, durability: None }
    }
}

/// What a fetch from an offset finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fetch {
    /// Something to read, up to the bounds.
    Read(FetchBounds),
    /// Nothing yet: it may be parked.
    AtEnd(FetchBounds),
}

/// Getters: what is true now.
impl Replica {
    /// The settings.
    pub fn config(&self) -> &ReplicaConfig {
        &self.config
    }

    /// The offsets as clients may see them.
    pub fn offsets(&self) -> Offsets {
        self.offsets
    }

    /// Up to here (exclusive) consumers may read.
    pub fn high_watermark(&self) -> Offset {
        self.offsets.high_watermark
    }

    /// The first offset that is kept.
    pub fn log_start(&self) -> Offset {
        self.offsets.log_start
    }

    /// Up to here (exclusive) consumers may read that ignore open transactions.
    pub fn last_stable(&self) -> Offset {
        self.offsets.last_stable()
    }

    /// What a fetch may read.
    pub fn fetch_bounds(&self) -> FetchBounds {
        self.offsets.fetch_bounds()
    }

    /// Whether it leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// The reign it leads or follows in; none before it was told.
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        match &self.role {
            Role::Idle => None,
            Role::Leader(leader) => Some(leader.epoch),
            Role::Follower(follower) => Some(follower.epoch),
        }
    }

    /// How many producers wait for their acknowledgement.
    pub fn waiting(&self) -> usize {
        match &self.role {
            Role::Leader(leader) => leader.waiting(),
            Role::Idle | Role::Follower(_) => 0,
        }
    }

    /// Whether anybody waits for a flush of a relaxed log.
    pub fn waits_for_flush(&self) -> bool {
        matches!(&self.role, Role::Leader(leader) if leader.waits_for_flush())
    }

    /// What a fetch from `offset` finds.
    ///
    /// # Errors
    /// When this replica does not lead, or the offset is not in the partition.
    pub fn fetch(&self, offset: Offset) -> Result<Fetch, FetchError> {
        if !self.is_leader() {
            return Err(FetchError::NotLeader { leader: self.role.known_leader() });
        }
        let Offsets { log_start, high_watermark, log_end, .. } = self.offsets;
        if offset < log_start || offset > log_end {
            return Err(FetchError::OutOfRange { offset, log_start, high_watermark });
        }
        let bounds = self.offsets.fetch_bounds();
        Ok(if offset < high_watermark { Fetch::Read(bounds) } else { Fetch::AtEnd(bounds) })
    }
}

/// Commands: the broker asks, and may be refused at once.
impl Replica {
    /// A replica over this log, without a role.
    pub fn new(config: ReplicaConfig, log: &impl ReplicaLog) -> Self {
        assert!(config.min_insync >= 1, "the leader itself is always in sync");
        Self {
            config,
            offsets: Offsets::opened(log.offsets()),
            role: Role::Idle,
            next_ticket: 0,
            fetch_is_parked: false,
            effects: VecDeque::new(),
        }
    }

    /// Leads from now on, in this epoch. What its log holds safely is committed: as the whole in-sync
    /// set, nobody knows better.
    ///
    /// # Errors
    /// When its log, or its role, is of a later epoch already. Nothing changes.
    pub fn become_leader(
        &mut self,
        log: &impl ReplicaLog,
        epoch: LeaderEpoch,
    ) -> Result<(), RoleError> {
        self.check_epoch(log, epoch)?;
        match &mut self.role {
            Role::Leader(leader) => leader.epoch = epoch,
            Role::Idle | Role::Follower(_) => self.role = Role::Leader(Leader::of(epoch)),
        }
        self.offsets.follow(log.offsets());
        self.advance();
        Ok(())
    }

    /// Follows from now on, in this epoch. Producers that wait are told that the outcome is unknown,
    /// and parked fetches are woken to ask elsewhere.
    ///
    /// # Errors
    /// When its log, or its role, is of a later epoch already. Nothing changes.
    pub fn become_follower(
        &mut self,
        log: &impl ReplicaLog,
        epoch: LeaderEpoch,
        leader: Option<BrokerId>,
    ) -> Result<(), RoleError> {
        self.check_epoch(log, epoch)?;
        self.refuse_all(|| AppendError::Deposed { leader });
        self.wake_fetches();
        self.role = Role::Follower(Follower { epoch, leader });
        Ok(())
    }

    /// Takes these settings from now on. A high watermark that clients saw stays.
    pub fn alter(&mut self, log: &impl ReplicaLog, config: ReplicaConfig) {
        assert_eq!(config.stream, self.config.stream, "settings go to their own partition");
        assert!(config.min_insync >= 1, "the leader itself is always in sync");
        self.config = config;
        self.offsets.follow(log.offsets());
        self.advance();
    }

    /// Appends a batch that passed [`ReplicaConfig::rules`]. `moment` starts the wait. Who asks for
    /// `fsync` on a relaxed topic waits for a flush; less than the topic's own durability is never given.
    ///
    /// # Errors
    /// When it is refused. Then nothing of it was kept, but for a duplicate whose offset is forgotten.
    pub fn append(
        &mut self,
        log: &impl ReplicaLog,
        batch: CheckedBatch,
        wanted: impl Into<Wanted>,
        now: Timestamp,
        moment: Moment,
    ) -> Result<Appended, AppendError> {
        let Wanted { acks, durability } = wanted.into();
        let Role::Leader(leader) = &self.role else {
            return Err(AppendError::NotLeader { leader: self.role.known_leader() });
        };
        let log_end = self.offsets.log_end;
        let placed = leader.place(&self.config, log, log_end, batch, acks, now)?;
        self.follow_append(log, placed.end);
        self.advance();
        let raises = durability == Some(Durability::Fsync) && acks != Acks::None;
        let flushed = raises && self.config.durability == Durability::Relaxed;
        if flushed && self.offsets.flushed_end < placed.end {
            log.flush();
        }
        let condition = Leader::condition(&placed, acks, flushed);
        let ticket = Ticket(self.next_ticket);
        let deadline = moment.plus(self.config.ack_wait_max);
        match &mut self.role {
            Role::Leader(leader) if condition.is_some_and(|c| !c.holds(&self.offsets)) => {
                leader.wait(ticket, placed, acks, flushed, deadline);
                self.next_ticket += 1;
                Ok(Appended::Waiting(ticket))
            }
            _ => Ok(Appended::Answered(self.produced(
                placed.base_offset,
                placed.log_append_time,
                acks,
                flushed,
                placed.duplicate,
            ))),
        }
    }

    /// Forgets the records below `to`, and answers where the partition begins now. An offset below
    /// that is no error: those records are gone already.
    ///
    /// # Errors
    /// When this replica does not lead, `to` is beyond the high watermark, or the log cannot.
    pub fn move_start(
        &mut self,
        log: &impl ReplicaLog,
        to: Offset,
    ) -> Result<Offset, MoveStartError> {
        if !self.is_leader() {
            return Err(MoveStartError::NotLeader { leader: self.role.known_leader() });
        }
        let Offsets { log_start, high_watermark, .. } = self.offsets;
        if to > high_watermark {
            return Err(MoveStartError::OutOfRange { offset: to, log_start, high_watermark });
        }
        if to > log_start {
            let start = log.move_start(to).map_err(MoveStartError::Log)?;
            self.offsets.move_start(start);
        }
        Ok(self.offsets.log_start)
    }

    /// Parks a fetch from `offset`. Answers whether it has to wait; if not, there is something to
    /// read. Under the lock of this replica no wake-up can be lost in between.
    pub fn park_fetch(&mut self, offset: Offset) -> bool {
        let waits = self.is_leader() && offset >= self.offsets.high_watermark;
        self.fetch_is_parked |= waits;
        waits
    }
}

/// Inputs: something happened outside.
impl Replica {
    /// The log counts up to `end`. Completions may come late and out of order.
    pub fn handle_durable(&mut self, end: Offset) {
        self.offsets.count(end);
        self.advance();
    }

    /// The log is flushed up to `end`, which somebody asked a relaxed one for.
    pub fn handle_flushed(&mut self, end: Offset) {
        self.offsets.flush(end);
        self.reply_reached();
    }

    /// Retention moved the log's start.
    pub fn handle_start_moved(&mut self, start: Offset) {
        self.offsets.move_start(start.min(self.offsets.high_watermark));
    }

    /// The log stopped for good: nothing that waits will ever be acknowledged.
    pub fn handle_log_stopped(&mut self, why: &str) {
        self.refuse_all(|| AppendError::LogStopped { why: why.to_owned() });
    }

    /// The moment of [`Self::poll_timeout`] came: who waited long enough is told so.
    pub fn handle_timeout(&mut self, now: Moment) {
        let Role::Leader(leader) = &mut self.role else { return };
        let waited = self.config.ack_wait_max;
        for waiter in leader.take_expired(now) {
            let error = AppendError::NoAnswer { waited };
            self.effects.push_back(Effect::Refuse { ticket: waiter.ticket, error });
        }
    }

    /// The leader's answer to "where does my newest epoch end": cuts off what it never had, and
    /// answers the log's end now.
    ///
    /// # Errors
    /// When this replica does not follow, when that would cut below what clients saw, or when the log
    /// cannot.
    pub fn handle_epoch_end(
        &mut self,
        log: &impl ReplicaLog,
        epoch: LeaderEpoch,
        end: Offset,
    ) -> Result<Offset, RoleError> {
        if !matches!(self.role, Role::Follower(_)) {
            return Err(RoleError::NotFollower);
        }
        let to = divergence(log, epoch, end).min(log.offsets().log_end);
        let high_watermark = self.offsets.high_watermark;
        if to < high_watermark {
            return Err(RoleError::BelowHighWatermark { to, high_watermark });
        }
        if to < log.offsets().log_end {
            log.truncate(to).map_err(RoleError::Log)?;
        }
        self.offsets.follow(log.offsets());
        Ok(to)
    }
}

/// Outputs: what the driver does next, in this order.
impl Replica {
    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to call [`Self::handle_timeout`]; none while nobody waits.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match &self.role {
            Role::Leader(leader) => leader.earliest_deadline(),
            Role::Idle | Role::Follower(_) => None,
        }
    }
}

impl Replica {
    fn check_epoch(&self, log: &impl ReplicaLog, epoch: LeaderEpoch) -> Result<(), RoleError> {
        let latest = self.leader_epoch().max(log.latest_epoch());
        match latest {
            Some(latest) if latest > epoch => Err(RoleError::StaleEpoch { epoch, latest }),
            _ => Ok(()),
        }
    }

    /// On a relaxed topic the kernel may have the bytes already; on an fsync topic that is told later.
    fn follow_append(&mut self, log: &impl ReplicaLog, end: Offset) {
        match self.config.durability {
            Durability::Relaxed => self.offsets.follow(log.offsets()),
            Durability::Fsync => self.offsets.extend(end),
        }
    }

    /// Moves the high watermark as far as it may go, and answers whom that satisfies.
    fn advance(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let committed = leader.committed_end(&self.config, &self.offsets);
        if committed.is_some_and(|end| self.offsets.commit(end)) {
            self.wake_fetches();
        }
        self.reply_reached();
    }

    fn reply_reached(&mut self) {
        while let Role::Leader(leader) = &mut self.role
            && let Some((waiter, when)) = leader.pop_reached(&self.offsets)
        {
            let Waiter { ticket, base_offset, log_append_time, acks, flushed, duplicate, .. } =
                waiter;
            let produced = self.produced(base_offset, log_append_time, acks, flushed, duplicate);
            assert!(when.holds(&self.offsets), "an acknowledgement never leaves early");
            self.effects.push_back(Effect::Reply { ticket, produced, when });
        }
    }

    fn wake_fetches(&mut self) {
        if std::mem::take(&mut self.fetch_is_parked) {
            self.effects.push_back(Effect::WakeFetches { end: self.offsets.high_watermark });
        }
    }

    fn refuse_all(&mut self, error: impl Fn() -> AppendError) {
        let Role::Leader(leader) = &mut self.role else { return };
        for waiter in leader.take_all() {
            self.effects.push_back(Effect::Refuse { ticket: waiter.ticket, error: error() });
        }
    }

    fn produced(
        &self,
        base_offset: Offset,
        log_append_time: Option<Timestamp>,
        acks: Acks,
        flushed: bool,
        duplicate: bool,
    ) -> Produced {
        Produced {
            base_offset,
            log_append_time,
            log_start: self.offsets.log_start,
            acks,
            durability: self.config.stated_durability(flushed),
            duplicate,
        }
    }
}
