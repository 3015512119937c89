//! Where passwords are hashed: on threads of their own, few and of low priority, so that log-ins cost others nothing.

use std::sync::{Arc, Mutex, mpsc};

use casemate_identity::{Password, PasswordCheck, PasswordHash};
use casemate_limits::Gate;
use casemate_model::Entropy;
use tokio::sync::oneshot;

use crate::ControlError;

/// Passwords that wait or are being worked on at once; each takes tens of milliseconds, so that the last of them waits a
/// second or two. Further ones are turned away at once.
const WAITING_MAX: usize = 32;

/// How nice the threads are to others, of 19.
const NICENESS: i32 = 15;

type Job = Box<dyn FnOnce() + Send>;

/// The threads that hash passwords.
pub(crate) struct Passwords {
    gate: Gate,
    jobs: mpsc::Sender<Job>,
}

impl Passwords {
    /// Starts one thread for every two cores. They end when this is dropped.
    pub(crate) fn start() -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for number in 0..cores.div_ceil(2) {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name(format!("passwords-{number}"));
            // A thread that cannot be started is missed by nobody as long as there is another; with none, log-ins are
            // refused below.
            if let Err(error) = thread.spawn(move || work(&queue)) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a thread for passwords is missing"
                );
            }
        }
        Self { gate: Gate::new(WAITING_MAX), jobs }
    }

    /// Checks a password against a stored hash, or against nobody's.
    pub(crate) async fn check(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordCheck, ControlError> {
        self.run(move || password.check(stored.as_ref())).await
    }

    /// Hashes a password.
    pub(crate) async fn hash(
        &self,
        password: Password,
        entropy: Arc<dyn Entropy>,
    ) -> Result<PasswordHash, ControlError> {
        self.run(move || password.hash(&*entropy)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ControlError> {
        let place = self.gate.enter().ok_or(ControlError::TooManyLogins)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Whoever has gone meanwhile does not need it any more.
            if !answer.is_closed() {
                drop(answer.send(work()));
            }
            drop(place);
        });
        self.jobs.send(job).map_err(|_| ControlError::TooManyLogins)?;
        answered.await.map_err(|_| ControlError::TooManyLogins)
    }
}

fn work(queue: &Mutex<mpsc::Receiver<Job>>) {
    // On Linux this is about the calling thread alone.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(error = &error as &dyn std::error::Error, "passwords are hashed at full priority");
    }
    loop {
        let next = queue.lock().expect("nothing panics while it holds the lock").recv();
        match next {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use futures_util::future::join_all;
    use secrecy::SecretString;

    use super::*;

    #[tokio::test]
    async fn a_storm_is_turned_away_and_the_rest_is_answered() {
        let passwords = Passwords::start();
        let password = Password::new(SecretString::from("correct horse")).expect("a good length");
        let stored =
            passwords.hash(password.clone(), Arc::new(CountingEntropy::default())).await.expect("a place");
        let checks = (0..3 * WAITING_MAX).map(|_| passwords.check(password.clone(), Some(stored.clone())));
        let answers = join_all(checks).await;
        let right = answers.iter().filter(|answer| matches!(answer, Ok(PasswordCheck::Right))).count();
        let refused =
            answers.iter().filter(|answer| matches!(answer, Err(ControlError::TooManyLogins))).count();
        // A place may be free again before the last of them come, or be held a moment longer by the hash above.
        assert_eq!(right + refused, 3 * WAITING_MAX);
        assert!(right + 1 >= WAITING_MAX && refused >= WAITING_MAX, "{right} {refused}");
        let again = passwords.check(password, None).await.expect("there is room again");
        assert_eq!(again, PasswordCheck::Wrong);
    }
}
