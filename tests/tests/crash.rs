//! Kill -9 of the real process at random moments, two runners at a time, a runner that is stopped while another commits, a
//! store that fails: after the next run the published rows, the quarantine and the balance of rows are those of an
//! undisturbed run, and until then each published object is as it was before the step or as it is after it.
//!
//! `CXMILL_CRASH_KILLS` says how many kills there are (40 by default, 200 in `.ci/run`; 1,000 with
//! `CXMILL_CRASH_KILLS=1000 cargo test --workspace --test crash`). Two runners on disk come a tenth as often, each disturbance on S3
//! a fortieth, where a life is long.
//! `CXMILL_CRASH_SEED` repeats the moments of a run that failed; the seed stands in every message.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed expectation fails the test")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::Child;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cxmill_tests::crash::{Chance, Life, Place, Seen, Step, Tables, signal, story};
use cxmill_tests::{FaultProxy, Seaweed, number, say, seaweed};

/// Kills where nobody says how many.
const KILLS: u64 = 40;

/// Lives side by side.
const SIDE_BY_SIDE: u64 = 2;

/// One request in so many goes wrong.
const ONE_IN: u32 = 25;

/// A life that nobody disturbs.
struct Calm {
    steps: Vec<Step>,
    /// What stands after each step.
    seen: Vec<Seen>,
    /// How long each step takes.
    seconds: Vec<Duration>,
}

impl Calm {
    fn live(life: &Life<'_>) -> Self {
        let steps = story();
        let (mut seen, mut seconds) = (Vec::new(), Vec::new());
        for step in &steps {
            life.prepare(step);
            let start = Instant::now();
            life.bring_up_to_date(step);
            seconds.push(start.elapsed());
            seen.push(life.seen());
        }
        Self { steps, seen, seconds }
    }

    /// Each step with the tables before it, what stands after it, and how long it takes.
    fn steps(&self) -> impl Iterator<Item = (&Step, Tables, &Seen, Duration)> {
        let before = std::iter::once(Tables::new()).chain(self.seen.iter().map(|seen| seen.tables.clone()));
        let known = self.seen.iter().zip(&self.seconds);
        self.steps
            .iter()
            .zip(before)
            .zip(known)
            .map(|((step, before), (after, seconds))| (step, before, after, *seconds))
    }

    /// The same; every other step, beginning with the `odd` ones or the others, happens here without a disturbance.
    fn every_other<'a>(
        &'a self,
        life: &'a Life<'_>,
        odd: bool,
    ) -> impl Iterator<Item = (&'a Step, Tables, &'a Seen, Duration)> {
        self.steps().zip(0_u32..).filter_map(move |((step, before, after, whole), number)| {
            life.prepare(step);
            if (number % 2 == 1) == odd {
                return Some((step, before, after, whole));
            }
            life.bring_up_to_date(step);
            None
        })
    }
}

static CALM: LazyLock<Calm> = LazyLock::new(|| Calm::live(&Life::new(Place::disk())));

static SEED: LazyLock<u64> = LazyLock::new(|| {
    // The standard library seeds its maps by chance, which is chance enough.
    let seed = number("CXMILL_CRASH_SEED", RandomState::new().build_hasher().finish() % 1_000_000_000);
    say(&format!("CXMILL_CRASH_SEED={seed} repeats this"));
    seed
});

fn kills() -> u64 {
    number("CXMILL_CRASH_KILLS", KILLS)
}

/// What is disturbed, for messages.
fn what(step: &Step, disturbance: &str) -> String {
    format!("CXMILL_CRASH_SEED={}: {}: {disturbance}", *SEED, step.name)
}

/// Each published object is as before a step or as after it.
fn each_object_is_whole(seen: &Tables, before: &Tables, after: &Tables, what: &str) {
    for name in seen.keys().chain(before.keys()).chain(after.keys()) {
        let stands = seen.get(name);
        let known = [before.get(name), after.get(name)].contains(&stands);
        assert!(known, "{what}: {name} is neither as before nor as after: {stands:#?}");
    }
}

/// The command of the step ends well, with the result of an undisturbed life, and leaves nothing to do.
fn settles(life: &Life<'_>, step: &Step, after: &Seen, what: &str) {
    life.bring_up_to_date(step);
    assert_eq!(life.seen(), *after, "{what}");
    let again = life.run(step).exits(0).json();
    assert_eq!(again["committed"], false, "{what}");
    if step.command.contains(&"run") {
        assert_eq!(again["objects_written"], 0, "{what}");
    }
}

#[test]
fn an_undisturbed_life_is_what_it_should_be() {
    let last = CALM.seen.last().expect("steps");
    let balance: Vec<_> = last.balance.iter().map(|(source, counts)| (source.as_str(), &counts[2..])).collect();
    // Read, accepted, quarantined, duplicate.
    assert_eq!(balance, [("answers", &[197, 154, 3, 40][..]), ("orders", &[151, 110, 1, 40][..])]);
    assert_eq!(last.quarantine.len(), 4);
    let rows: Vec<_> = last.tables.iter().map(|(name, rows)| (name.as_str(), rows.len())).collect();
    assert_eq!(
        rows,
        [
            // It is retired, and stands for an hour more.
            ("by_segment/part-0.parquet", 2),
            ("customers_by_channel/part-0.parquet", 4),
            ("nps_daily/month=2026-01/part-0.parquet", 6),
            ("nps_daily/month=2026-02/part-0.parquet", 9),
            ("nps_daily/month=2026-03/part-0.parquet", 7),
            ("nps_daily/month=2026-04/part-0.parquet", 9),
            ("places/month=2026-01/part-0.parquet", 66),
            ("places/month=2026-02/part-0.parquet", 50),
            ("places/month=2026-03/part-0.parquet", 23),
            ("places/month=2026-04/part-0.parquet", 15),
            ("spend/month=2026-01/part-0.parquet", 7),
            ("spend/month=2026-02/part-0.parquet", 7),
            ("spend/month=2026-03/part-0.parquet", 7),
            ("spend/month=2026-04/part-0.parquet", 7),
            ("total/part-0.parquet", 1),
        ]
    );
}

#[test]
fn killed_runs_leave_no_trace() {
    let done = AtomicU64::new(0);
    let lives = |worker: u64| {
        let mut chance = Chance::new(*SEED, worker);
        // Together they disturb every step.
        let mut odd = worker % 2 == 1;
        while done.load(Ordering::SeqCst) < kills() {
            let life = Life::new(Place::disk());
            odd = !odd;
            for (step, before, after, whole) in CALM.every_other(&life, odd) {
                let mut killed = 0;
                for _ in 0..chance.up_to(8) {
                    let moment = chance.moment(whole);
                    let what = what(step, &format!("worker {worker}, killed {moment}"));
                    // A run that came to its end leaves nothing to be killed in this step.
                    if !life.kill(step.command, moment, &what) {
                        break;
                    }
                    killed += 1;
                    each_object_is_whole(&life.tables(), &before, &after.tables, &what);
                    // What it left may be collected before it is gone on with, and that may die too.
                    if chance.up_to(4) == 1 {
                        let moment = chance.moment(whole / 2);
                        let what = format!("{what}, then gc killed {moment}");
                        killed += u64::from(life.kill(&["gc"], moment, &what));
                        each_object_is_whole(&life.tables(), &before, &after.tables, &what);
                    }
                }
                settles(&life, step, after, &what(step, &format!("worker {worker}, {killed} kills")));
                done.fetch_add(killed, Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| {
        (0..SIDE_BY_SIDE).for_each(|worker| drop(scope.spawn(move || lives(worker))));
    });
}

#[test]
fn of_two_runs_on_disk_one_does_the_work() {
    two_at_a_time(10, kills().div_ceil(10), &Place::disk, &CALM, true);
}

#[test]
fn on_s3_without_a_lock_it_is_the_same() {
    let Some(server) = seaweed() else { return };
    server.objects(&["bucket", "lake"]);
    let (places, times) = (AtomicU64::new(0), kills().div_ceil(40));
    let place = || on_s3(&server, places.fetch_add(1, Ordering::SeqCst), Vec::new());
    let calm = Calm::live(&Life::new(place()));
    assert_eq!(calm.seen, CALM.seen, "the same on S3 as on disk");
    std::thread::scope(|scope| {
        scope.spawn(|| two_at_a_time(20, times, &place, &calm, false));
        scope.spawn(|| stopped_across_a_commit(21, times, &place, &calm));
        scope.spawn(|| killed_at_times(22, times, &place, &calm));
        scope.spawn(|| {
            let proxy = FaultProxy::start(server.port(), ONE_IN, *SEED);
            let faulty = vec![
                ("CXMILL_STORES__S3__ENDPOINT", proxy.endpoint()),
                ("CXMILL_STORES__S3__TIMEOUT", FaultProxy::TIMEOUT.to_owned()),
            ];
            let place = || on_s3(&server, places.fetch_add(1, Ordering::SeqCst), faulty.clone());
            with_faults(23, times, &place, &calm, &proxy);
        });
    });
}

/// A place of its own in the bucket `lake`.
fn on_s3<'a>(server: &'a Seaweed, number: u64, more: Vec<(&'static str, String)>) -> Place<'a> {
    let settings = ["output", "state"].map(|key| format!("{key}=s3://lake/{number}/{key}"));
    Place {
        arguments: settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect(),
        environment: server.environment().into_iter().chain(more).collect(),
        fetch: Some(Box::new(move |folder| server.fetch("lake", &format!("{number}/output"), folder))),
    }
}

/// How a run ended that was not alone: done, beaten by the other, or killed.
fn ended(run: &mut Child, what: &str) -> Option<i32> {
    let code = run.wait().expect("it ends").code();
    assert!(matches!(code, Some(0 | 4) | None), "{what}: exit code {code:?}");
    code
}

/// Two runs started together; every other time one of them is killed.
fn two_at_a_time<'a>(lane: u64, times: u64, place: &dyn Fn() -> Place<'a>, calm: &Calm, local: bool) {
    let mut chance = Chance::new(*SEED, lane);
    let mut done = 0;
    while done < times {
        let life = Life::new(place());
        for (step, before, after, whole) in calm.every_other(&life, chance.up_to(2) == 1) {
            let mut runs = [life.start(step.command), life.start(step.command)];
            let mut what = what(step, &format!("lane {lane}, two at a time"));
            let dies = chance.up_to(2) == 1;
            if dies {
                let moment = if local { chance.moment(whole) } else { chance.time(whole) };
                what = format!("{what}, one killed {moment}");
                let [first, _] = &mut runs;
                if moment.wait(first, life.project.path()) {
                    first.kill().expect("it is killed");
                }
            }
            let codes = runs.each_mut().map(|run| ended(run, &what));
            let seen = life.tables();
            each_object_is_whole(&seen, &before, &after.tables, &what);
            if !dies {
                assert!(codes.contains(&Some(0)), "{what}: exit codes {codes:?}");
                if !step.in_pieces() {
                    assert_eq!(seen, after.tables, "{what}: one of them has published");
                }
            }
            settles(&life, step, after, &what);
            done += 1;
        }
    }
}

/// A run is stopped at any moment, others do the work of this step and of the next, then the first one wakes up.
fn stopped_across_a_commit<'a>(lane: u64, times: u64, place: &dyn Fn() -> Place<'a>, calm: &Calm) {
    let mut chance = Chance::new(*SEED, lane);
    let mut done = 0;
    while done < times {
        let life = Life::new(place());
        let steps: Vec<_> = calm.steps().collect();
        for pair in steps.chunks(2) {
            let [(step, _, _, whole), (next, _, after, _)] = pair else { panic!("steps come in pairs") };
            life.prepare(step);
            let moment = chance.time(*whole);
            let what = what(step, &format!("lane {lane}, stopped {moment}"));
            let mut sleeper = life.start(step.command);
            let sleeps = moment.wait(&mut sleeper, life.project.path());
            if sleeps {
                signal(&sleeper, "STOP");
            }
            // Where one command does for both steps, one commit takes up both.
            if step.command != next.command {
                life.bring_up_to_date(step);
            }
            life.prepare(next);
            life.bring_up_to_date(next);
            assert_eq!(life.tables(), after.tables, "{what}: the other run has published");
            if sleeps {
                signal(&sleeper, "CONT");
            }
            ended(&mut sleeper, &what);
            assert_eq!(life.tables(), after.tables, "{what}: the one that woke up has changed nothing");
            settles(&life, next, after, &what);
            done += 1;
        }
    }
}

/// Kills where only the time tells how far a run has got.
fn killed_at_times<'a>(lane: u64, times: u64, place: &dyn Fn() -> Place<'a>, calm: &Calm) {
    let mut chance = Chance::new(*SEED, lane);
    let mut done = 0;
    while done < times {
        let life = Life::new(place());
        for (step, before, after, whole) in calm.every_other(&life, chance.up_to(2) == 1) {
            for _ in 0..chance.up_to(3) {
                let moment = chance.time(whole);
                let what = what(step, &format!("lane {lane}, killed {moment}"));
                if !life.kill(step.command, moment, &what) {
                    break;
                }
                done += 1;
                each_object_is_whole(&life.tables(), &before, &after.tables, &what);
            }
            settles(&life, step, after, &what(step, &format!("lane {lane}, after kills")));
        }
    }
}

/// A store that refuses, loses answers and is too slow: a run that gives up has changed nothing that the next one cannot
/// finish, and most runs do not give up.
fn with_faults<'a>(lane: u64, times: u64, place: &dyn Fn() -> Place<'a>, calm: &Calm, proxy: &FaultProxy) {
    let mut chance = Chance::new(*SEED, lane);
    let mut done = 0;
    while done < times {
        let life = Life::new(place());
        for (step, before, after, _) in calm.steps() {
            life.prepare(step);
            if chance.up_to(2) == 1 {
                until_it_answers(&life, step, step.name);
                continue;
            }
            let faults = proxy.faults();
            let ran = life.run(step);
            let what = what(step, &format!("lane {lane}, {} faults: {}", proxy.faults() - faults, ran.stderr));
            assert!(matches!(ran.code, Some(0 | 5)), "{what}: exit code {:?}", ran.code);
            let seen = life.tables();
            each_object_is_whole(&seen, &before, &after.tables, &what);
            if ran.code == Some(0) && !step.in_pieces() {
                assert_eq!(seen, after.tables, "{what}");
            }
            until_it_answers(&life, step, &what);
            assert_eq!(life.seen(), *after, "{what}");
            done += 1;
        }
    }
    assert!(proxy.faults() > times, "requests went wrong");
}

/// Whoever looks meets the same store, so it is asked until it answers that nothing is left to do.
fn until_it_answers(life: &Life<'_>, step: &Step, what: &str) {
    let done = |_| {
        let ran = life.run(step);
        ran.code == Some(0) && ran.json()["committed"] == false
    };
    assert!((0..60).any(done), "{what}: it comes to its end");
}
