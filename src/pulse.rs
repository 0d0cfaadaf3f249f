//! Signs of life: whether a loop still turns.
//!
//! Nobody beats on a schedule. Who wants to know asks, the question wakes every loop once, and a loop that comes by its
//! resting point answers. While nobody asks, it costs nothing; a loop that blocks, waits for ever in the middle of its work or
//! is never woken does not answer, and is told by its name.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::watch;
use tokio::task::futures::TaskLocalFuture;

/// The answer of a loop that has ended: nobody waits for it.
const ENDED: u64 = u64::MAX;

tokio::task_local! {
    /// The pulse of the task that runs.
    static OWN: Arc<Pulse>;
}

/// What a test does to a loop, to show what becomes of a node with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Sabotage {
    /// It panics.
    Panic = 1,
    /// It never goes on.
    Halt = 2,
}

/// The sign of life of one loop.
#[derive(Debug)]
pub struct Pulse {
    name: &'static str,
    /// Tasks of one runtime wait for one another; a thread waits for nobody.
    is_thread: bool,
    asked: AtomicU64,
    answered: watch::Sender<u64>,
    waker: Mutex<Option<Waker>>,
    /// The task is being polled: while it blocks, this stays.
    is_running: AtomicBool,
    /// The loop has a resting point: being polled is no answer any more.
    rests: AtomicBool,
    sabotage: AtomicU8,
}

impl Pulse {
    /// The pulse of a task.
    fn of_task(name: &'static str) -> Self {
        Self {
            name,
            is_thread: false,
            asked: AtomicU64::new(0),
            answered: watch::Sender::new(0),
            waker: Mutex::default(),
            is_running: AtomicBool::new(false),
            rests: AtomicBool::new(false),
            sabotage: AtomicU8::new(0),
        }
    }

    /// The pulse of a thread, which has to call [`beat`](Self::beat) where it rests.
    pub(crate) fn of_thread(name: &'static str) -> Self {
        Self {
            is_thread: true,
            ..Self::of_task(name)
        }
    }

    /// Answers the question that is open, if there is one; the next question wakes this waker.
    pub(crate) fn beat(&self, waker: &Waker) {
        self.register(waker);
        self.answer();
    }

    /// There is nobody left who could answer.
    pub(crate) fn end(&self) {
        self.answered.send_replace(ENDED);
        self.waker().take();
    }

    fn register(&self, waker: &Waker) {
        let mut known = self.waker();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// Whether a test has halted the loop.
    fn is_halted(&self) -> bool {
        match self.sabotage.load(Ordering::Relaxed) {
            0 => false,
            halted if halted == Sabotage::Halt as u8 => true,
            _ => panic!("the task {} was told to panic", self.name),
        }
    }

    fn answer(&self) {
        let asked = self.asked.load(Ordering::SeqCst);
        self.answered.send_if_modified(|answered| {
            let is_open = *answered < asked;
            if is_open {
                *answered = asked;
            }
            is_open
        });
    }

    /// Asks; the number of the question.
    fn ask(&self) -> u64 {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let waker = self.waker().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
        number
    }

    async fn answered(&self, number: u64) {
        let mut answered = self.answered.subscribe();
        // The sender is `self`: it can't be gone.
        drop(answered.wait_for(|answered| *answered >= number).await);
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks the end of a loop, however it ends.
struct Ending(Arc<Pulse>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

pin_project! {
    /// Waits at the resting point of a loop; see [`rest`].
    ///
    /// An `async fn` would be twice as large as what it waits for: it keeps its argument beside what it pins.
    pub struct Rest<F> {
        #[pin]
        wait: F,
    }
}

/// Waits at the resting point of the running task's loop: as long as it is there, it answers.
///
/// A loop without one answers whenever it is polled, which tells less: it may wait for ever in the middle of its work.
pub fn rest<F: Future>(wait: F) -> Rest<F> {
    Rest { wait }
}

impl<F: Future> Future for Rest<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Nobody watches a loop outside a supervisor.
        let _unwatched = OWN.try_with(|pulse| {
            pulse.rests.store(true, Ordering::Relaxed);
            pulse.answer();
        });
        self.project().wait.poll(context)
    }
}

pin_project! {
    /// A task with its pulse.
    struct Watched<F> {
        #[pin]
        task: TaskLocalFuture<Arc<Pulse>, F>,
        pulse: Arc<Pulse>,
        // Made with it: a task may be dropped before it is polled for the first time.
        ending: Ending,
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let pulse = this.pulse;
        pulse.is_running.store(true, Ordering::SeqCst);
        pulse.register(context.waker());
        if pulse.is_halted() {
            pulse.is_running.store(false, Ordering::SeqCst);
            return Poll::Pending;
        }
        if !pulse.rests.load(Ordering::Relaxed) {
            pulse.answer();
        }
        let polled = this.task.poll(context);
        pulse.is_running.store(false, Ordering::SeqCst);
        polled
    }
}

/// The signs of life of all loops of a node; every clone is a handle on the same.
#[derive(Debug, Clone, Default)]
pub struct Pulses(Arc<Mutex<Vec<Arc<Pulse>>>>);

impl Pulses {
    /// Adds a loop that has its pulse.
    pub(crate) fn add(&self, pulse: Arc<Pulse>) {
        self.all().push(pulse);
    }

    /// Gives a task its pulse.
    pub(crate) fn watched<F: Future<Output = ()>>(
        &self,
        name: &'static str,
        task: F,
    ) -> impl Future<Output = ()> + use<F> {
        let pulse = Arc::new(Pulse::of_task(name));
        self.add(Arc::clone(&pulse));
        Watched {
            task: OWN.scope(Arc::clone(&pulse), task),
            ending: Ending(Arc::clone(&pulse)),
            pulse,
        }
    }

    /// Breaks the task of this name, for tests; false when there is none.
    #[must_use]
    pub fn sabotage(&self, name: &str, how: Sabotage) -> bool {
        let task = self.all().iter().find(|pulse| pulse.name == name).cloned();
        let Some(task) = task.filter(|pulse| !pulse.is_thread) else {
            return false;
        };
        task.sabotage.store(how as u8, Ordering::Relaxed);
        // Its next turn is now.
        task.ask();
        true
    }

    /// The names of the loops there are.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.all().iter().map(|pulse| pulse.name).collect()
    }

    /// Asks every loop for a sign of life; the names of those that give none in time.
    ///
    /// When a task blocks the thread, the others wait for it: only the one that blocks is named.
    pub async fn stuck(&self, patience: Duration) -> Vec<&'static str> {
        let asked: Vec<(Arc<Pulse>, u64)> = self
            .all()
            .iter()
            .map(|pulse| (Arc::clone(pulse), pulse.ask()))
            .collect();
        let answers = async {
            for (pulse, number) in &asked {
                pulse.answered(*number).await;
            }
        };
        if tokio::time::timeout(patience, answers).await.is_ok() {
            return Vec::new();
        }
        let silent: Vec<&Arc<Pulse>> = asked
            .iter()
            .filter(|(pulse, number)| *pulse.answered.borrow() < *number)
            .map(|(pulse, _)| pulse)
            .collect();
        let blocks = |pulse: &Pulse| !pulse.is_thread && pulse.is_running.load(Ordering::SeqCst);
        let is_blocked = silent.iter().any(|pulse| blocks(pulse));
        silent
            .iter()
            .filter(|pulse| pulse.is_thread || !is_blocked || blocks(pulse))
            .map(|pulse| pulse.name)
            .collect()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Pulse>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::Supervisor;
    use std::sync::mpsc;
    use std::thread;
    use tokio::sync::Notify;

    /// Longer than any answer here takes; a loop that is stuck costs a test this much.
    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn to_wait_at_a_resting_point_takes_no_more_room_than_to_wait() {
        let wait = async {
            let held = [0_u8; 4096];
            tokio::task::yield_now().await;
            std::hint::black_box(held);
        };
        let room = size_of_val(&wait);
        assert!(room >= 4096);
        let resting = rest(wait);
        assert_eq!(size_of_val(&resting), room);
        let watched = Pulses::default().watched("watched", resting);
        assert!(size_of_val(&watched) < room + 100);
    }

    #[tokio::test(start_paused = true)]
    async fn loops_at_rest_answer_though_nothing_happens() {
        let pulses = Pulses::default();
        let mut tasks = Supervisor::new(pulses.clone());
        tasks.spawn("resting", async { rest(std::future::pending()).await });
        tasks.spawn("plain", std::future::pending());
        for _ in 0..3 {
            assert!(pulses.stuck(PATIENCE).await.is_empty());
        }
        assert_eq!(pulses.names(), ["resting", "plain"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_waits_in_the_middle_of_its_work_is_named_until_it_goes_on() {
        let pulses = Pulses::default();
        let go = Arc::new(Notify::new());
        let mut tasks = Supervisor::new(pulses.clone());
        let (begun, working) = (Arc::new(Notify::new()), Arc::clone(&go));
        let begin = Arc::clone(&begun);
        tasks.spawn("stuck", async move {
            rest(tokio::task::yield_now()).await;
            begin.notify_one();
            working.notified().await;
            rest(std::future::pending()).await
        });
        tasks.spawn("turning", async { rest(std::future::pending()).await });
        begun.notified().await;
        assert_eq!(pulses.stuck(PATIENCE).await, ["stuck"]);
        go.notify_one();
        assert!(pulses.stuck(PATIENCE).await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_has_ended_is_not_waited_for() {
        let pulses = Pulses::default();
        let mut tasks = Supervisor::new(pulses.clone());
        tasks.spawn("done", async {});
        tasks.spawn("aborted", async { rest(std::future::pending()).await });
        drop(tasks);
        assert!(pulses.stuck(PATIENCE).await.is_empty());
    }

    #[test]
    fn a_task_that_blocks_the_thread_is_named_and_those_behind_it_are_not() {
        let pulses = Pulses::default();
        let (release, released) = mpsc::sync_channel::<()>(1);
        let (enter, entered) = mpsc::sync_channel::<()>(1);
        let (end, mut ended) = tokio::sync::oneshot::channel::<()>();
        let watched = pulses.clone();
        let node = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(async move {
                let mut tasks = Supervisor::new(watched);
                tasks.spawn("innocent", async { rest(std::future::pending()).await });
                tasks.spawn("blocker", async move {
                    rest(tokio::task::yield_now()).await;
                    enter.send(()).unwrap();
                    released.recv().unwrap();
                    rest(std::future::pending()).await
                });
                drop((&mut ended).await);
            });
        });
        entered.recv().unwrap();
        let outside = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        assert_eq!(outside.block_on(pulses.stuck(PATIENCE)), ["blocker"]);
        release.send(()).unwrap();
        let outside = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        assert!(outside.block_on(pulses.stuck(PATIENCE)).is_empty());
        end.send(()).unwrap();
        node.join().unwrap();
    }
}
