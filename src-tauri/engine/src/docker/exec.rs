//! Commands in a running container. Never with Docker's own terminal mode.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;

use super::Docker;
use super::container::WORKSPACE;
use super::error::{DockerError, Problem};

/// How often a command's end is asked for, at first and later. Its stream may stay open after it:
/// background children hold it, and may flood it for ever.
const END_CHECK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// Output that was on its way when the command ended is still taken while it comes within this time,
/// and in all at most so long and so much: what the buffers on the way can hold.
const LAST_OUTPUT: Duration = Duration::from_millis(150);
const LAST_OUTPUT_TOTAL: Duration = Duration::from_secs(2);
const LAST_OUTPUT_BYTES: usize = 4 * 1024 * 1024;
/// How often it is asked whether a command has begun, and how long at most.
const BEGIN_CHECK: Duration = Duration::from_millis(5);
const BEGINS: Duration = Duration::from_secs(5);
/// Largest piece that is read at once.
const PIECE: usize = 64 * 1024;

/// A piece of a command's output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Output {
    Out(Bytes),
    Err(Bytes),
}

/// A command that was started.
pub struct Running {
    docker: Docker,
    id: String,
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    /// Its standard input; dropping it ends it.
    pub input: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    ended: Option<i64>,
    next_check: Instant,
    interval: Duration,
    /// Waited for, and read, since the end was seen.
    after_end: (Duration, usize),
}

impl Docker {
    /// Starts a command as the container's own user, in `/workspace`: a mount root, which the agent
    /// cannot replace by a link (CVE-2024-21626).
    pub async fn exec(
        &self,
        container: &str,
        command: Vec<String>,
        env: Vec<String>,
    ) -> Result<Running, DockerError> {
        self.exec_in(container, WORKSPACE, command, env).await
    }

    /// Likewise in another folder, which must be a mount's root or the root itself.
    pub(crate) async fn exec_in(
        &self,
        container: &str,
        folder: &str,
        command: Vec<String>,
        env: Vec<String>,
    ) -> Result<Running, DockerError> {
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            env: Some(env),
            cmd: Some(command),
            privileged: Some(false),
            working_dir: Some(folder.to_owned()),
            ..Default::default()
        };
        let made = self
            .change(
                "prepare the command",
                self.client.create_exec(container, options),
            )
            .await?;
        let start = StartExecOptions {
            detach: false,
            tty: false,
            output_capacity: Some(PIECE),
        };
        match self
            .change(
                "start the command",
                self.client.start_exec(&made.id, Some(start)),
            )
            .await?
        {
            StartExecResults::Attached { output, input } => Ok(Running {
                docker: self.clone(),
                id: made.id,
                output,
                input: Some(input),
                ended: None,
                next_check: Instant::now() + END_CHECK.0,
                interval: END_CHECK.0,
                after_end: (Duration::ZERO, 0),
            }),
            StartExecResults::Detached => Err(DockerError::new(
                Problem::Failed,
                "the container engine detached a command that was to be attached",
            )),
        }
    }
}

impl Docker {
    /// Whether the engine still knows a command that it ran in a container. It keeps them in memory, for some
    /// minutes after they ended: an engine that was started since then knows it not.
    pub(crate) async fn remembers(
        &self,
        command: &str,
        container: &str,
    ) -> Result<bool, DockerError> {
        let call = self.client.inspect_exec(command);
        match self.ask("look at the command", call).await {
            Ok(found) => Ok(found.container_id.as_deref() == Some(container)),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A command's two byte streams, as the client library gives them.
pub(crate) type Streams = (
    Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    Option<Pin<Box<dyn AsyncWrite + Send>>>,
);

impl Running {
    /// The engine's id of it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Waits until the command runs, or has ended: the engine answers before it has begun.
    pub(crate) async fn begun(&mut self) -> Result<(), DockerError> {
        let start = Instant::now();
        loop {
            let call = self.docker.client.inspect_exec(&self.id);
            let found = self.docker.ask("look at the command", call).await?;
            let begun = found.pid.is_some_and(|pid| pid != 0) || found.exit_code.is_some();
            if begun || start.elapsed() > BEGINS {
                return Ok(());
            }
            tokio::time::sleep(BEGIN_CHECK).await;
        }
    }

    /// Gives the streams away; its end is then seen by them alone.
    pub(crate) fn into_streams(self) -> Streams {
        (self.output, self.input)
    }

    /// The next piece of output; `None` when the command has ended and its output is read.
    /// Background children that hold the output open do not keep it from ending.
    pub async fn next(&mut self) -> Result<Option<Output>, DockerError> {
        loop {
            if self.ended.is_some() {
                return self.next_after_end().await;
            }
            let patience = self.next_check.saturating_duration_since(Instant::now());
            let piece = match patience {
                // A flood must not put the question off.
                Duration::ZERO => Err(()),
                patience => tokio::time::timeout(patience, self.output.next())
                    .await
                    .map_err(|_| ()),
            };
            match piece {
                Ok(None) => return Ok(None),
                Ok(Some(piece)) => {
                    if let Some(output) = output(piece)? {
                        return Ok(Some(output));
                    }
                }
                Err(()) => {
                    self.ended = self.ask_end().await?;
                    self.next_check = Instant::now() + self.interval;
                    self.interval = (self.interval * 3 / 2).min(END_CHECK.1);
                }
            }
        }
    }

    /// What was on its way; background children may go on writing, and are not waited for.
    async fn next_after_end(&mut self) -> Result<Option<Output>, DockerError> {
        while self.after_end.0 < LAST_OUTPUT_TOTAL && self.after_end.1 < LAST_OUTPUT_BYTES {
            let asked = Instant::now();
            let piece = tokio::time::timeout(LAST_OUTPUT, self.output.next()).await;
            self.after_end.0 += asked.elapsed();
            let Ok(Some(piece)) = piece else {
                return Ok(None);
            };
            if let Some(output) = output(piece)? {
                let (Output::Out(bytes) | Output::Err(bytes)) = &output;
                self.after_end.1 += bytes.len();
                return Ok(Some(output));
            }
        }
        Ok(None)
    }

    /// The command's exit status, once [`Self::next`] gave `None`.
    pub async fn status(&mut self) -> Result<i64, DockerError> {
        for _ in 0..100 {
            if let Some(status) = self.ended {
                return Ok(status);
            }
            self.ended = self.ask_end().await?;
            if self.ended.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Err(DockerError::new(
            Problem::Failed,
            "the connection to the command was lost; whether it still runs is not known",
        ))
    }

    /// Exclusive, for the streams cannot be shared between threads.
    async fn ask_end(&mut self) -> Result<Option<i64>, DockerError> {
        let call = self.docker.client.inspect_exec(&self.id);
        let found = self.docker.ask("look at the command", call).await?;
        Ok(if found.running == Some(true) {
            None
        } else {
            found.exit_code
        })
    }

    /// Collects what a short command prints, at most `limit` bytes of each kind; gives status, output, errors.
    pub async fn collect(mut self, limit: usize) -> Result<(i64, Vec<u8>, Vec<u8>), DockerError> {
        self.input = None;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        while let Some(piece) = self.next().await? {
            let (to, bytes) = match &piece {
                Output::Out(bytes) => (&mut out, bytes),
                Output::Err(bytes) => (&mut err, bytes),
            };
            let room = limit.saturating_sub(to.len());
            to.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        Ok((self.status().await?, out, err))
    }
}

fn output(piece: Result<LogOutput, bollard::errors::Error>) -> Result<Option<Output>, DockerError> {
    match piece {
        Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => {
            Ok(Some(Output::Out(message)))
        }
        Ok(LogOutput::StdErr { message }) => Ok(Some(Output::Err(message))),
        Ok(LogOutput::StdIn { .. }) => Ok(None),
        Err(error) => Err(DockerError::from_bollard(
            "read the command's output",
            error,
        )),
    }
}
