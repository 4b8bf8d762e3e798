//! One of something for each sandbox, made when it is first asked for. Making it may take as long as a sandbox likes:
//! whoever waits, waits for that one sandbox. The map of all is locked to look one up, and never across an await.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::locked;
use crate::{Result, SandboxId};

/// See the module.
pub(super) struct Cells<T>(Mutex<HashMap<SandboxId, Arc<Cell<T>>>>);

struct Cell<T> {
    /// Held by who makes it: it is made once, however many ask.
    making: tokio::sync::Mutex<()>,
    made: Mutex<Option<T>>,
}

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Cells<T> {
    /// As it is at this moment, also while another is being made; `None` where there was never one.
    pub(super) fn now(&self, id: &SandboxId) -> Option<T> {
        locked(&self.0).get(id)?.made()
    }

    /// The one that there is while it `serves`, else what `make` gives. A failure is kept by nobody: the next one who
    /// asks tries again.
    pub(super) async fn get(
        &self,
        id: &SandboxId,
        serves: impl Fn(&T) -> bool,
        make: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let cell = locked(&self.0)
            .entry(id.clone())
            .or_insert_with(|| Arc::new(Cell::empty()))
            .clone();
        if let Some(found) = cell.made().filter(&serves) {
            return Ok(found);
        }
        let _making = cell.making.lock().await;
        if let Some(found) = cell.made().filter(&serves) {
            return Ok(found);
        }
        let new = make.await?;
        *locked(&cell.made) = Some(new.clone());
        Ok(new)
    }

    /// Lets go of the one that there is. One that is being made goes to those who wait for it, and to nobody later.
    pub(super) fn forget(&self, id: &SandboxId) {
        let gone = locked(&self.0).remove(id);
        // It may have ends to tie up: not under the lock.
        drop(gone);
    }
}

impl<T: Clone> Cell<T> {
    fn empty() -> Self {
        Self {
            making: tokio::sync::Mutex::default(),
            made: Mutex::new(None),
        }
    }

    fn made(&self) -> Option<T> {
        locked(&self.made).clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;
    use crate::Error;

    fn two() -> (SandboxId, SandboxId) {
        (SandboxId::random().unwrap(), SandboxId::random().unwrap())
    }

    fn any(_: &u32) -> bool {
        true
    }

    #[tokio::test]
    async fn nobody_waits_for_another_sandbox() {
        let cells = Arc::new(Cells::default());
        let (slow, quick) = two();
        let (begun, begins) = oneshot::channel();
        let hangs = {
            let (cells, slow) = (cells.clone(), slow.clone());
            tokio::spawn(async move {
                let never = async {
                    let _ = begun.send(());
                    std::future::pending::<Result<u32>>().await
                };
                cells.get(&slow, any, never).await
            })
        };
        begins.await.unwrap();
        let soon = Duration::from_secs(5);
        assert_eq!(cells.now(&slow), None, "asked while it is being made");
        let other = cells.get(&quick, any, async { Ok(1) });
        assert_eq!(timeout(soon, other).await.unwrap().unwrap(), 1);
        assert_eq!(cells.now(&quick), Some(1));
        // The control: the same sandbox does wait.
        let same = cells.get(&slow, any, async { Ok(2) });
        assert!(timeout(Duration::from_millis(50), same).await.is_err());
        // And once it was let go of, it does not.
        cells.forget(&slow);
        let same = cells.get(&slow, any, async { Ok(2) });
        assert_eq!(timeout(soon, same).await.unwrap().unwrap(), 2);
        hangs.abort();
    }

    #[tokio::test]
    async fn it_is_made_once_and_anew_where_it_failed_or_serves_no_more() {
        let cells = Cells::default();
        let (id, _) = two();
        let made = AtomicU32::new(0);
        let make = || async {
            tokio::task::yield_now().await;
            Ok(made.fetch_add(1, Ordering::Relaxed))
        };
        let failed = cells.get(&id, any, async { Err(Error::Cancelled) });
        assert!(failed.await.is_err());
        let (one, other) = tokio::join!(cells.get(&id, any, make()), cells.get(&id, any, make()));
        assert_eq!((one.unwrap(), other.unwrap()), (0, 0));
        assert_eq!(cells.get(&id, |_| false, make()).await.unwrap(), 1);
        assert_eq!(cells.now(&id), Some(1));
    }
}
