//! A flock of nodes in bad company: proxies that cut, reset, stall, delay, truncate and say nothing, a Mosquitto that is
//! killed, panels that fail in every way, and a sender of everything that nobody should send, by a seed.
//!
//! After each spell of faults the node has to be connected and said to be online, to show the last command, to have answered
//! each command of `QoS` 1, and to have every sample accounted for. A node in a process of its own gets the same, and its memory
//! has to stay as it is.
//!
//! In CI it lasts a minute and a half. By hand: `PIGLOW_CHAOS_SECS=900 cargo test --release --test real_chaos -- --ignored
//! --nocapture`; `PIGLOW_CHAOS_SEED` draws the same faults again, as far as the network's own timing lets it.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "nobody reads the documentation of a test's own modules"
)]

#[path = "../support/mod.rs"]
mod support;

mod books;
mod hostile;
mod subject;
mod witness;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;
use support::mosquitto::Mosquitto;
use support::proxy::Weather;
use tokio::sync::{Mutex, RwLock};
use tokio::task::JoinSet;

use books::{Account, Books, Observer};
use hostile::Villain;
use subject::{Deeds, Subject};
use witness::Witness;

/// How many nodes: most of the time each waits for its own faults.
const NODES: usize = 24;

/// How long in CI.
const SECS: u64 = 90;

/// Hostile messages a second, to all nodes together.
const HOSTILE_PER_SEC: u32 = 200;

/// Between two restarts of the broker.
const RESTART_EVERY: Duration = Duration::from_secs(20);

/// Read by whoever needs the broker to stay, before anything else is locked; written by whoever kills it.
type Gate = RwLock<()>;

/// What all nodes share.
pub struct World {
    pub broker: SocketAddr,
    pub books: Arc<Books>,
    pub observer: Observer,
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}; expected a whole number"))
    })
}

#[ignore = "needs mosquitto"]
#[tokio::test]
async fn a_flock_in_bad_company_is_right_again_after_every_spell() {
    let seed = from_environment("PIGLOW_CHAOS_SEED", fastrand::u64(..));
    let secs = from_environment("PIGLOW_CHAOS_SECS", SECS);
    println!("PIGLOW_CHAOS_SEED={seed} PIGLOW_CHAOS_SECS={secs}");
    let mut rng = Rng::with_seed(seed);
    let mut broker = Mosquitto::open().await;
    let books = Arc::<Books>::default();
    let observer = Observer::start(broker.address(), Arc::clone(&books)).await;
    let world = Arc::new(World {
        broker: broker.address(),
        books,
        observer,
    });
    let gate = Arc::<Gate>::default();

    let mut subjects = Vec::new();
    for number in 0..NODES {
        let name = format!("pi-{number}");
        let subject = Subject::start(name, Rng::with_seed(rng.u64(..)), Arc::clone(&world)).await;
        subjects.push(Arc::new(Mutex::new(subject)));
    }
    let mut witness = Witness::start(&world, Rng::with_seed(rng.u64(..))).await;
    let mut names: Vec<String> = (0..NODES).map(|number| format!("pi-{number}")).collect();
    names.push(witness::NAME.to_owned());
    let villain = Villain::start(
        broker.address(),
        Rng::with_seed(rng.u64(..)),
        names,
        HOSTILE_PER_SEC,
    );

    let end = Instant::now() + Duration::from_secs(secs);
    let mut spells = JoinSet::new();
    for subject in &subjects {
        let (subject, gate) = (Arc::clone(subject), Arc::clone(&gate));
        spells.spawn(async move {
            while Instant::now() < end {
                let broker_stays = gate.read().await;
                subject.lock().await.spell().await;
                drop(broker_stays);
                // A connection that lasts is met without patience when it breaks.
                tokio::time::sleep(Duration::from_secs(fastrand::u64(4..12))).await;
            }
        });
    }
    let mut kills = 0;
    let mut next_kill = Instant::now() + RESTART_EVERY;
    while !spells.is_empty() {
        tokio::select! {
            Some(ended) = spells.join_next() => ended.expect("a node has not survived"),
            () = tokio::time::sleep_until(next_kill.into()) => {
                if Instant::now() < end {
                    kills += 1;
                    let _spells_are_over = gate.write().await;
                    kill(&mut broker, &world, &subjects, &mut rng).await;
                    witness.look();
                }
                next_kill = Instant::now() + RESTART_EVERY;
            }
            () = witness.suffer() => {}
        }
    }
    let hostile = villain.sent();
    drop(villain);
    let grown = witness.close();

    let mut deeds = Deeds::default();
    let (mut cuts, mut stalls, mut refusals) = (0, 0, 0);
    for subject in subjects {
        let subject = Arc::into_inner(subject)
            .expect("its spells are over")
            .into_inner();
        let faults = subject.proxy.faults();
        cuts += faults.ended();
        stalls += faults.stalls.load(Ordering::Relaxed);
        refusals += faults.refusals.load(Ordering::Relaxed);
        let own = subject.close().await;
        deeds.spells += own.spells;
        deeds.panel_faults += own.panel_faults;
        deeds.half_open += own.half_open;
        deeds.commands += own.commands;
        deeds.delivered_twice += own.delivered_twice;
    }
    let (mut samples, mut late, mut twice, mut answers) = (0, 0, 0, 0);
    for number in 0..NODES {
        world.books.of(&format!("pi-{number}"), |account| {
            samples += account.samples.entries.len();
            late += account.samples.late();
            twice += account.samples.doubled();
            answers += account.statuses.len();
        });
    }
    println!(
        "seed {seed}, {secs} s, {NODES} nodes and a witness: {} spells\n\
         link: {cuts} connections cut, {stalls} stalls ({} half open until noticed), {refusals} times refused, {kills} kills of the broker\n\
         panel: {} faults\n\
         hostile: {hostile} messages\n\
         commands of QoS 1: {}, delivered twice in {} spells; {answers} answers to all\n\
         samples: {samples}, {late} in batches, {twice} declared in doubt and heard twice, 0 missing\n\
         witness: {grown}\n\
         violations: 0",
        deeds.spells, deeds.half_open, deeds.panel_faults, deeds.commands, deeds.delivered_twice,
    );
}

/// Kills the broker, with all that it keeps, and starts it again.
async fn kill(
    broker: &mut Mosquitto,
    world: &World,
    subjects: &[Arc<Mutex<Subject>>],
    rng: &mut Rng,
) {
    let before = world.observer.subscriptions();
    broker.kill();
    // The nodes are not let in before the observer is back, who would miss what they say then.
    for subject in subjects {
        subject.lock().await.proxy.set(Weather::Refusing);
    }
    tokio::time::sleep(Duration::from_millis(rng.u64(..2000))).await;
    broker.restart().await;
    world.observer.is_back(before + 1).await;
    for subject in subjects {
        let subject = subject.lock().await;
        world
            .books
            .of(&subject.name, |account| account.availability = None);
        subject.proxy.set(Weather::Fair);
    }
    // It has forgotten the sessions: who commands a node that has not come back commands nobody.
    for subject in subjects {
        let subject = subject.lock().await;
        let online = |account: &Account| account.availability == Some(true);
        world
            .books
            .until(&subject.name, "online again", online)
            .await;
    }
}
