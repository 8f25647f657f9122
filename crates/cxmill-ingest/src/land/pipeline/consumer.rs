//! The one place where rows arrive in order: counts them, buffers them, flushes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use cxmill_spec::UniqueWithin;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use tokio::task::JoinSet;

use super::{Damage, Output, Taken, Work};
use crate::error::IngestError;
use crate::land::dates::date_of;
use crate::land::flush::{DateJob, DateOutcome, Flusher, Rows, flush_date, sift_across_dates};
use crate::land::keys::with_hidden;
use crate::land::newest::{Newest, horizons};
use crate::land::quarantine::Quarantine;
use crate::land::segment::Segment;
use crate::land::write::landed_properties;
use crate::land::{FileOutcome, LandRequest, LandedPart, Landing, Reason, balance};

pub(super) struct Consumer<'a> {
    request: &'a LandRequest<'a>,
    work: Arc<Work>,
    flusher: Arc<Flusher>,
    quarantine: Quarantine<'a>,
    segment: Segment,
    /// Memory of the segment, counted.
    taken: Vec<Taken>,
    /// The segment before, while it is being written: at most one, so what it becomes is known before the next one needs
    /// the names and the keys of its objects.
    writing: JoinSet<Result<Vec<DateOutcome>, IngestError>>,
    files: Vec<FileOutcome>,
    /// Objects of this batch by event date.
    landed: BTreeMap<NaiveDate, Vec<Path>>,
    parts: Vec<LandedPart>,
    /// Files by event date of their rows.
    dates: BTreeMap<NaiveDate, BTreeSet<usize>>,
    newest: Newest,
    /// Objects that were refused, as a whole or from some point on.
    damaged: Vec<Reason>,
}

impl<'a> Consumer<'a> {
    pub(super) fn new(request: &'a LandRequest<'a>, work: &Arc<Work>, declared: &SchemaRef) -> Self {
        let schema = with_hidden(declared, !work.preparer.key.is_empty(), !request.traces.is_empty());
        let flusher = Flusher {
            source: Arc::clone(&work.source),
            preparer: Arc::clone(&work.preparer),
            properties: landed_properties(&request.source.name, request.epoch, &schema, work.preparer.event_time),
            schema,
            horizons: horizons(request.files),
            traces: request.traces.to_vec(),
            state: Arc::clone(&request.state),
            cpu: work.cpu.clone(),
        };
        Self {
            request,
            work: Arc::clone(work),
            flusher: Arc::new(flusher),
            quarantine: Quarantine::new(request, work.cpu.clone(), work.limits.quarantine),
            segment: Segment::default(),
            taken: Vec::new(),
            writing: JoinSet::new(),
            files: vec![FileOutcome::default(); request.files.len()],
            landed: BTreeMap::new(),
            parts: Vec::new(),
            dates: BTreeMap::new(),
            newest: Newest::default(),
            damaged: Vec::new(),
        }
    }

    /// Takes the next block of a file. False means that the object is damaged and nothing more of it is wanted.
    pub(super) async fn take(&mut self, file: usize, output: Output) -> Result<bool, IngestError> {
        for prepared in output.rows {
            self.files[file].read += prepared.read;
            self.request.progress.rows.fetch_add(prepared.read, Ordering::Relaxed);
            for reject in prepared.rejects {
                self.files[file].quarantined += 1;
                self.quarantine.push(file, reject).await?;
            }
            self.taken.push(self.work.meter.take(prepared.rows.bytes()));
            self.segment.push(file, prepared.rows);
            if self.segment.bytes >= self.work.limits.segment {
                Box::pin(self.flush()).await?;
            }
        }
        match output.damage {
            Some(damage) => self.damaged(file, damage).await.map(|()| false),
            None => Ok(true),
        }
    }

    /// Counts a damaged object as one row in quarantine.
    pub(super) async fn damaged(&mut self, file: usize, damage: Damage) -> Result<(), IngestError> {
        if self.work.sieve.lines(file).is_some() {
            // It was counted when the whole file was read.
            return Ok(());
        }
        self.files[file].read += 1;
        self.files[file].quarantined += 1;
        self.request.progress.rows.fetch_add(1, Ordering::Relaxed);
        self.damaged.push(Reason {
            object: self.request.files[file].path.to_string(),
            line: damage.line,
            rule: damage.rule.to_owned(),
            message: damage.message.clone(),
        });
        self.quarantine.push(file, damage).await
    }

    /// Begins to write all rows that wait, once those before them are written. Decoding goes on meanwhile.
    async fn flush(&mut self) -> Result<(), IngestError> {
        self.written().await?;
        let mut segment = std::mem::take(&mut self.segment);
        let taken = std::mem::take(&mut self.taken);
        let dates = std::mem::take(&mut segment.dates);
        if segment.is_empty() {
            return Ok(());
        }
        let mut jobs = BTreeMap::new();
        for days in dates.keys() {
            let date = date_of(*days)?;
            let written = self.landed.get(&date).map_or(&[][..], Vec::as_slice);
            let earlier = self.request.landed.get(&date).map_or(&[][..], Vec::as_slice);
            let path = (self.request.landed_name)(date, written.len());
            let landed = earlier.iter().chain(written).cloned().collect();
            jobs.insert(*days, DateJob { date, days: *days, rows: Rows::Mixed(Vec::new()), landed, path });
        }
        let across = match self.request.source.unique_within {
            UniqueWithin::Date => None,
            UniqueWithin::Days(_) | UniqueWithin::All => Some(self.all_landed()),
        };
        let (flusher, threads) = (Arc::clone(&self.flusher), self.request.threads.max(1));
        self.writing.spawn(async move {
            let event_time = flusher.preparer.event_time;
            let segment = Arc::new(flusher.cpu.run(move || segment.seal(event_time)).await??);
            let rows: BTreeMap<i32, Rows> = match across {
                None => dates.into_iter().map(|(date, rows)| (date, Rows::Mixed(rows))).collect(),
                Some(landed) => {
                    let sifted = Box::pin(sift_across_dates(&flusher, &segment, dates, &landed)).await?;
                    sifted.into_iter().map(|(date, sifted)| (date, Rows::Sifted(sifted))).collect()
                }
            };
            let jobs = rows.into_iter().filter_map(|(date, rows)| Some(DateJob { rows, ..jobs.remove(&date)? }));
            let outcomes = stream::iter(jobs)
                .map(|job| Box::pin(flush_date(Arc::clone(&flusher), Arc::clone(&segment), job)))
                .buffered(threads)
                .try_collect()
                .await;
            drop(taken);
            outcomes
        });
        Ok(())
    }

    /// All landed objects by event date in days since 1970-01-01: of earlier commits, and of this batch.
    fn all_landed(&self) -> Vec<(i32, Path)> {
        let objects = self.request.landed.iter().chain(&self.landed);
        objects.flat_map(|(date, paths)| paths.iter().map(|path| (date.to_epoch_days(), path.clone()))).collect()
    }

    /// Waits for the segment that is being written and counts what its rows became.
    async fn written(&mut self) -> Result<(), IngestError> {
        let Some(outcomes) = self.writing.join_next().await else { return Ok(()) };
        for outcome in outcomes.map_err(|error| IngestError::Bug(format!("a task failed: {error}")))?? {
            let DateOutcome { part, accepted, duplicates, conflicts, newest, newest_of } = outcome;
            if let Some(part) = &part {
                self.dates.entry(part.date).or_default().extend(accepted.keys());
            }
            for (file, rows) in accepted {
                self.files[file].accepted += rows;
            }
            for (file, rows) in duplicates {
                self.files[file].duplicate += rows;
            }
            for (file, reject) in conflicts {
                self.files[file].quarantined += 1;
                self.quarantine.push(file, reject).await?;
            }
            if let Some(part) = part {
                self.landed.entry(part.date).or_default().push(part.path.clone());
                self.parts.push(part);
            }
            self.newest = self.newest.max(newest);
            for (file, newest) in newest_of {
                let of = &mut self.files[file];
                (of.newest_event, of.newest_future) =
                    (of.newest_event.max(newest.event), of.newest_future.max(newest.future));
            }
        }
        Ok(())
    }

    /// Writes what is left and gives the account.
    pub(super) async fn finish(mut self) -> Result<Landing, IngestError> {
        Box::pin(self.flush()).await?;
        self.written().await?;
        self.quarantine.write().await?;
        balance::check(&self.files)?;
        Ok(Landing {
            landed: self.parts,
            quarantine: self.quarantine.parts,
            files: self.files,
            dates: self.dates,
            newest_event: self.newest.event,
            newest_future: self.newest.future,
            damaged: self.damaged,
            reasons: self.quarantine.reasons,
            by_rule: self.quarantine.by_rule,
        })
    }
}
