//! What runs for the window until it says stop: the event stream, readings, attached terminals.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tauri::async_runtime::{JoinHandle, spawn};

/// The tasks by the number the window knows them by.
#[derive(Default)]
pub struct Subscriptions(Mutex<Open>);

#[derive(Default)]
struct Open {
    last: u32,
    tasks: HashMap<u32, JoinHandle<()>>,
}

impl Subscriptions {
    /// Runs `task` until it ends or is stopped, and names it.
    pub fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> u32 {
        self.start_named(|_| task)
    }

    /// Likewise, for a task that has to know its own name.
    pub fn start_named<F>(&self, task: impl FnOnce(u32) -> F) -> u32
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut open = self.lock();
        // What ended by itself is forgotten here, at the latest.
        open.tasks.retain(|_, task| !task.inner().is_finished());
        open.last = open.last.wrapping_add(1);
        let id = open.last;
        open.tasks.insert(id, spawn(task(id)));
        id
    }

    /// Stops one; an unknown number is one that has ended.
    pub fn stop(&self, id: u32) {
        if let Some(task) = self.lock().tasks.remove(&id) {
            task.abort();
        }
    }

    /// Stops all: the page is gone, or is loaded anew and will ask again.
    pub fn stop_all(&self) {
        for (_, task) in self.lock().tasks.drain() {
            task.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
