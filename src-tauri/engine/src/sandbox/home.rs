//! The home folder of a sandbox: into a snapshot, and back to one.
//!
//! Taking leaves the home as it is, so a crash leaves nothing but a container to be put away. Putting back is
//! part of a reset: it looks at what is there and does what differs, so that a crash is finished by doing it
//! again.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use sandbox_workspace::restore::Plan;
use sandbox_workspace::snapshots::{Home, Snapshot};
use sandbox_workspace::{Tree, TreeId};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::{block_in_place, spawn_blocking};

use super::{Engine, Working, up};
use crate::docker::home_copier::{Copier, Job, Whose};
use crate::docker::{Docker, DockerError, Problem};
use crate::home::put::{Answers, check_room, put};
use crate::home::take::{Takes, take};
use crate::home::{Bounds, HomeError, KEEP_FREE, words};
use crate::operation::{Operation, Phase};
use crate::{Error, Result};

/// Pieces on their way at once.
const ON_THE_WAY: usize = 16;
/// How often a cancelled operation is noticed while nothing comes.
const HEARD: Duration = Duration::from_millis(200);
/// One piece is taken within this time.
const PIECE_TAKEN: Duration = Duration::from_secs(120);
/// At last everything is brought onto the disk.
const SYNCED: Duration = Duration::from_secs(600);

/// A home as it was just read; its contents are in the store.
pub(super) struct HomeNow {
    tree: Tree,
    id: TreeId,
    /// Bytes free where it lies.
    free: u64,
}

impl Working {
    /// Refuses where there is no home to take: before anything else is done.
    pub(super) async fn check_home(&self) -> Result<()> {
        up::check_guest(&self.engine)?;
        let has = self.record.container_made && {
            let docker = self.engine.docker().await?;
            let instance = self.engine.data().instance();
            docker.has_home(instance, self.id()).await?
        };
        if has {
            return Ok(());
        }
        Err(Error::InvalidRequest {
            message: format!(
                "the sandbox \u{201c}{}\u{201d} has no home folder yet: it gets one when it first starts",
                self.record.name
            ),
        })
    }

    /// Reads the home into the store. Give [`Job::TakeAll`] only where nothing runs in the sandbox.
    pub(super) async fn take_home(&self, job: Job, op: &Operation) -> Result<HomeNow> {
        let docker = self.engine.docker().await?;
        self.note_copier()?;
        let taken = self.read_home(&docker, job, op).await;
        let away = self.put_copier_away(&docker).await;
        let taken = taken?;
        away.map(|()| taken)
    }

    async fn read_home(&self, docker: &Docker, job: Job, op: &Operation) -> Result<HomeNow> {
        let mut copier = docker.copy_home(&self.whose(docker), job).await?;
        let (pieces, arrive) = mpsc::channel(ON_THE_WAY);
        let (engine, reader) = (self.engine.clone(), op.clone());
        let reading = spawn_blocking(move || keep(&engine, arrive, &reader));
        let pumped = pump(&mut copier, pieces, op).await;
        match (reading.await.map_err(|error| lost(&error))?, pumped) {
            (Err(HomeError::BrokenOff), Err(error)) => Err(error),
            (Err(HomeError::BrokenOff), Ok(())) => Err(copier.broken_off().into()),
            (read, _) => Ok(read?),
        }
    }

    /// What the home needs to be as it is in `to`, before anything is written.
    ///
    /// # Errors
    /// Part of it could not be read, or there is no room for what is missing.
    pub(super) fn check_way_back(&self, to: &Home, now: &HomeNow) -> Result<()> {
        if let Some(unread) = now.tree.unreadable.first() {
            let path = unread.path.as_ref().map_or("~".to_owned(), words);
            return Err(HomeError::Unreadable {
                path,
                reason: unread.reason.clone(),
            }
            .into());
        }
        let wanted = self.engine.store().tree(&to.tree)?;
        let plan = Plan::new(&now.tree, &wanted, None);
        Ok(check_room(&plan, now.free)?)
    }

    /// Makes the home what it was; gives what could not be done. Nothing runs in the sandbox.
    pub(super) async fn put_home(
        &self,
        to: &Home,
        now: HomeNow,
        op: &Operation,
    ) -> Result<Vec<String>> {
        op.enter(Phase::Restoring).ok();
        let docker = self.engine.docker().await?;
        let wanted = block_in_place(|| self.engine.store().tree(&to.tree))?;
        self.note_copier()?;
        let written = self.write_home(&docker, wanted, now.tree, op).await;
        let away = self.put_copier_away(&docker).await;
        let failed = written?;
        away?;
        Ok(failed)
    }

    async fn write_home(
        &self,
        docker: &Docker,
        wanted: Tree,
        now: Tree,
        op: &Operation,
    ) -> Result<Vec<String>> {
        let mut copier = docker.copy_home(&self.whose(docker), Job::Put).await?;
        let (pieces, arrive) = mpsc::channel(ON_THE_WAY);
        let (engine, progress) = (self.engine.clone(), op.phase(Phase::Restoring));
        let sending = spawn_blocking(move || {
            let plan = Plan::new(&now, &wanted, None);
            put(&plan, engine.store(), &mut Outward(pieces), &progress)
        });
        let Some(input) = copier.input.take() else {
            return Err(copier.broken_off().into());
        };
        let mut answers = Answers::default();
        let heard = tokio::select! {
            biased;
            heard = listen(&mut copier, &mut answers) => heard,
            error = feed(input, arrive) => Err(error.into()),
        };
        let sent = sending.await.map_err(|error| lost(&error))?;
        heard?;
        let mut failed = sent?;
        failed.extend(answers.into_failed());
        Ok(failed)
    }

    /// The home of a snapshot to be recorded.
    pub(super) fn home_of(&self, now: &HomeNow) -> Home {
        Home {
            tree: now.id,
            bytes: now.tree.totals().1,
        }
    }

    fn whose<'a>(&'a self, docker: &Docker) -> Whose<'a> {
        Whose {
            instance: self.engine.data().instance(),
            sandbox: self.id(),
            owner: up::container_user(docker, &self.record),
            guest: self.engine.config().guest,
        }
    }

    /// Written down before the container is made, so that a crash leaves none for good.
    fn note_copier(&self) -> Result<()> {
        let note = self.dir.home_copier();
        std::fs::write(&note, "").map_err(|e| Error::io("write", &note, e))
    }

    async fn put_copier_away(&self, docker: &Docker) -> Result<()> {
        let instance = self.engine.data().instance();
        docker.remove_home_copier(instance, self.id()).await?;
        let note = self.dir.home_copier();
        std::fs::remove_file(&note).map_err(|e| Error::io("remove", &note, e))
    }

    /// Takes away a container that a crash left. Without an engine it waits.
    pub(super) async fn put_left_copier_away(&self) -> Result<()> {
        if !self.dir.home_copier().exists() {
            return Ok(());
        }
        match self.engine.docker().await {
            Ok(docker) => self.put_copier_away(&docker).await,
            Err(_) => Ok(()),
        }
    }
}

/// The home that a snapshot has.
///
/// # Errors
/// [`Error::InvalidRequest`] where it was taken without.
pub(super) fn home_in(snapshot: &Snapshot) -> Result<Home> {
    snapshot.home.ok_or_else(|| Error::InvalidRequest {
        message: format!(
            "the snapshot {} was taken without the home folder, so nothing was put back; reset without it",
            snapshot.id
        ),
    })
}

/// Reads the stream into the store, from another thread.
fn keep(
    engine: &Engine,
    arrive: mpsc::Receiver<Bytes>,
    op: &Operation,
) -> Result<HomeNow, HomeError> {
    let writer = engine.store().writer()?;
    let has_room = || engine.free_space().is_ok_and(|free| free >= KEEP_FREE);
    let mut stream = Inward {
        arrive,
        piece: Bytes::new(),
    };
    let taken = take(
        &mut stream,
        &Takes {
            sink: &writer,
            bounds: Bounds::default(),
            has_room: &has_room,
            progress: &op.phase(Phase::Capturing),
            cancel: op.cancel(),
        },
    )?;
    let id = writer.put_tree(&taken.tree)?;
    writer.commit()?;
    Ok(HomeNow {
        tree: taken.tree,
        id,
        free: taken.free,
    })
}

/// Passes on what comes, until it ends or nobody reads it any more.
async fn pump(copier: &mut Copier, pieces: mpsc::Sender<Bytes>, op: &Operation) -> Result<()> {
    let mut look = tokio::time::interval(HEARD);
    let quiet = tokio::time::sleep(PIECE_TAKEN);
    tokio::pin!(quiet);
    loop {
        tokio::select! {
            piece = copier.next() => {
                let Some(piece) = piece? else {
                    return Ok(());
                };
                if pieces.send(piece).await.is_err() {
                    return Ok(());
                }
                quiet.as_mut().reset(tokio::time::Instant::now() + PIECE_TAKEN);
            }
            _ = look.tick() => {
                if op.cancel().is_cancelled() {
                    return Err(Error::Cancelled);
                }
            }
            () = &mut quiet => return Err(too_slow().into()),
        }
    }
}

/// Tells it everything. Comes back only with what went wrong: the last word is the other side's.
async fn feed(
    mut input: std::pin::Pin<Box<dyn tokio::io::AsyncWrite + Send>>,
    mut arrive: mpsc::Receiver<Bytes>,
) -> DockerError {
    while let Some(piece) = arrive.recv().await {
        let told = async {
            input.write_all(&piece).await?;
            input.flush().await
        };
        match tokio::time::timeout(PIECE_TAKEN, told).await {
            Err(_) => return too_slow(),
            // It has ended, and says why in a moment.
            Ok(Err(_)) => break,
            Ok(Ok(())) => {}
        }
    }
    tokio::time::sleep(SYNCED).await;
    too_slow()
}

async fn listen(copier: &mut Copier, answers: &mut Answers) -> Result<()> {
    while !answers.is_done() {
        match copier.next().await? {
            Some(piece) => answers.push(&piece)?,
            None => return Err(copier.broken_off().into()),
        }
    }
    Ok(())
}

fn too_slow() -> DockerError {
    DockerError::new(Problem::TimedOut, "the home folder was not copied in time")
}

fn lost(error: &tokio::task::JoinError) -> Error {
    Error::Internal {
        message: format!("copying the home folder: {error}"),
    }
}

/// Pieces as a stream that waits.
struct Inward {
    arrive: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Inward {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.arrive.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// A stream that waits as pieces.
struct Outward(mpsc::Sender<Bytes>);

impl io::Write for Outward {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let sent = self.0.blocking_send(piece);
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
