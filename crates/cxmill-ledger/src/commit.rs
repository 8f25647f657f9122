//! The one atomic step that makes a run real.

use std::collections::HashSet;

use object_store::PutMode;

use crate::decide;
use crate::error::LedgerError;
use crate::invariants;
use crate::ledger::{CommitOutcome, Ledger, to_json};
use crate::paths::{Names, ObjectName};
use crate::store::PutOutcome;
use crate::types::{Commit, LandedFile};

impl Ledger {
    /// Makes the commit: syncs what it newly names on local disk, then creates its record if absent.
    ///
    /// # Errors
    /// [`LedgerError::Invariant`] where the record breaks an invariant (nothing was changed), [`LedgerError::Store`] where
    /// the store failed. After a store error the commit may stand or not; the next run sees which.
    pub async fn commit(&self, commit: &Commit, previous: Option<&Commit>) -> Result<CommitOutcome, LedgerError> {
        self.writable()?;
        invariants::check(commit, previous)?;
        self.sync_named(commit, previous).await?;
        let name = ObjectName::commit(commit.epoch);
        let created = self.create_record(commit, &name).await;
        let outcome = match created {
            Ok(PutOutcome::Put(_)) => CommitOutcome::Committed,
            Ok(PutOutcome::NotOffered) => return Err(self.no_put_if_absent(&name)),
            Ok(PutOutcome::Refused) => self.whose(commit).await?.unwrap_or(CommitOutcome::Conflict),
            // The answer may have been lost after the work was done: what stands decides.
            Err(failure) => match self.whose(commit).await {
                Ok(Some(outcome)) => outcome,
                Ok(None) | Err(_) => return Err(failure),
            },
        };
        if outcome == CommitOutcome::Conflict {
            return Ok(outcome);
        }
        self.root.sync(vec![name.0.clone()]).await?;
        self.withdraw_if_collected(commit, &name).await
    }

    fn no_put_if_absent(&self, name: &ObjectName) -> LedgerError {
        let source = object_store::Error::NotImplemented {
            operation: "put-if-absent, which commits need".to_owned(),
            implementer: self.root.store.to_string(),
        };
        LedgerError::Store { operation: "writing", place: self.root.address(name.as_str()), source }
    }

    /// Syncs the objects this commit names and the previous one did not.
    async fn sync_named(&self, commit: &Commit, previous: Option<&Commit>) -> Result<(), LedgerError> {
        if self.root.local.is_none() {
            return Ok(());
        }
        let known: HashSet<&ObjectName> = previous.into_iter().flat_map(Commit::named).collect();
        let mut new: Vec<String> =
            commit.named().filter(|name| !known.contains(name)).map(|name| name.0.clone()).collect();
        // A merged manifest names old files too; those of this run carry its mark.
        let own = Names { epoch: commit.epoch, run: commit.run.clone() };
        for source in commit.sources.values() {
            let manifests: Vec<ObjectName> =
                source.landed.iter().filter(|name| !known.contains(name)).cloned().collect();
            let landed: Vec<LandedFile> = self.landed_in(&manifests).await?;
            new.extend(landed.into_iter().filter(|file| own.made(&file.name)).map(|file| file.name.0));
        }
        self.root.sync(new).await
    }

    /// Creates the record if absent. On local disk it is written and synced under another name first and then linked to
    /// its place: a power cut can lose the record, but never leaves half of one.
    async fn create_record(&self, commit: &Commit, name: &ObjectName) -> Result<PutOutcome, LedgerError> {
        let payload = to_json(commit, || self.root.address(name.as_str()))?;
        if self.root.local.is_none() {
            return self.root.put_if(name.as_str(), payload, PutMode::Create).await;
        }
        let staged = Names { epoch: commit.epoch, run: commit.run.clone() }.staged_commit();
        self.root.put(staged.as_str(), payload).await?;
        self.root.sync_content(staged.0.clone()).await?;
        let linked = self.root.copy_if_absent(staged.as_str(), name.as_str()).await;
        if linked.is_ok() {
            // Left behind, it is garbage that a later run collects; the commit does not depend on it.
            if let Err(failure) = self.root.delete(staged.as_str()).await {
                tracing::warn!(error = %failure, "staged commit record was left behind");
            }
        }
        linked
    }

    /// Who made the commit that stands at this epoch: committed if it was this run, conflict if another, none if nobody.
    async fn whose(&self, commit: &Commit) -> Result<Option<CommitOutcome>, LedgerError> {
        let standing = self.read_commit(commit.epoch).await?;
        Ok(standing.map(
            |standing| {
                if standing.run == commit.run { CommitOutcome::Committed } else { CommitOutcome::Conflict }
            },
        ))
    }

    /// A runner that slept through more commits than are kept finds its epoch's record collected, and creates it anew. It
    /// did not commit: nobody reads a record below the newest, so taking it back changes nothing.
    async fn withdraw_if_collected(&self, commit: &Commit, name: &ObjectName) -> Result<CommitOutcome, LedgerError> {
        let newest = if self.is_alone() { None } else { self.newest_epoch().await? };
        if newest.is_some_and(|newest| decide::is_collectable(commit.epoch, newest)) {
            self.root.delete(name.as_str()).await?;
            return Ok(CommitOutcome::Conflict);
        }
        Ok(CommitOutcome::Committed)
    }
}
