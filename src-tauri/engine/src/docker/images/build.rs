//! Building: what the engine says of it, and when it says nothing for too long.

use std::collections::HashMap;

use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptionsBuilder, CreateImageOptionsBuilder};
use futures_util::{Stream, StreamExt};
use sandbox_workspace::Cancel;

use super::Listener;
use crate::docker::error::{DockerError, Problem};
use crate::docker::{Docker, labels};
use crate::event::ImageProgress;

impl Docker {
    pub(super) async fn build(
        &self,
        tag: &str,
        context: Vec<u8>,
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        let options = BuildImageOptionsBuilder::default()
            .dockerfile("Dockerfile")
            .t(tag)
            .rm(true)
            .forcerm(true)
            .labels(&image_labels())
            .build();
        let body = bollard::body_full(context.into());
        let messages = self.client.build_image(options, None, Some(body));
        self.follow_build(tag, messages, cancel, listener).await
    }

    /// Makes an image of a tar's files.
    pub(super) async fn import(&self, tag: &str, content: Vec<u8>) -> Result<(), DockerError> {
        let labels: Vec<String> = image_labels()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let options = CreateImageOptionsBuilder::default()
            .from_src("-")
            .repo(tag)
            .changes(vec![format!("LABEL {}", labels.join(" "))])
            .build();
        let body = bollard::body_full(content.into());
        let mut messages = self.client.create_image(Some(options), Some(body), None);
        let cancel = Cancel::default();
        while let Some(message) = self
            .next("import an image", &cancel, messages.next())
            .await?
        {
            message.map_err(|e| DockerError::from_bollard("import an image", e))?;
        }
        Ok(())
    }

    /// Reads what a build says and tells how it goes; gives the image's id. Dropped, the engine stops building.
    pub(in crate::docker) async fn follow_build(
        &self,
        tag: &str,
        messages: impl Stream<Item = Result<BuildInfo, bollard::errors::Error>>,
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        let mut stream = std::pin::pin!(messages);
        let mut phase = "Building".to_owned();
        let mut fraction = None;
        let mut last_line = String::new();
        while let Some(message) = self.next("build the image", cancel, stream.next()).await? {
            let message = match message {
                Err(bollard::errors::Error::DockerStreamError { error }) => {
                    return Err(build_failed(&error, &last_line));
                }
                other => other.map_err(|e| DockerError::from_bollard("build the image", e))?,
            };
            if let Some(detail) = message.error_detail {
                return Err(build_failed(
                    &detail.message.unwrap_or_default(),
                    &last_line,
                ));
            }
            for line in message
                .stream
                .unwrap_or_default()
                .lines()
                .filter(|l| !l.trim().is_empty())
            {
                let line = line.trim_end();
                if let Some((done, total)) = step(line) {
                    phase = format!("Step {done} of {total}");
                    fraction = Some(f64::from(done - 1) / f64::from(total));
                }
                let shown: String = line.chars().take(300).collect();
                // What the builder says of itself tells nobody why a step failed.
                if !shown.starts_with("Removing intermediate") && !shown.starts_with(" --->") {
                    last_line.clone_from(&shown);
                }
                tell(listener, &phase, fraction, Some(shown));
            }
        }
        let found = self.image(tag).await?;
        found.and_then(|i| i.id).ok_or_else(|| {
            DockerError::new(
                Problem::Failed,
                format!("the image is not there after building (last: {last_line})"),
            )
        })
    }

    /// The next message of a long stream, within its deadline, unless cancelled.
    pub(super) async fn next<T>(
        &self,
        what: &'static str,
        cancel: &Cancel,
        message: impl Future<Output = Option<T>>,
    ) -> Result<Option<T>, DockerError> {
        let mut message = std::pin::pin!(message);
        let start = std::time::Instant::now();
        loop {
            if cancel.is_cancelled() {
                return Err(DockerError::new(Problem::Failed, "cancelled"));
            }
            if start.elapsed() > self.deadlines.stream {
                return Err(DockerError::new(
                    Problem::TimedOut,
                    format!(
                        "the container engine said nothing for {} s while it should {what}",
                        self.deadlines.stream.as_secs()
                    ),
                ));
            }
            let slice = std::time::Duration::from_millis(200);
            if let Ok(next) = tokio::time::timeout(slice, message.as_mut()).await {
                return Ok(next);
            }
        }
    }
}

fn build_failed(why: &str, last_line: &str) -> DockerError {
    let why = why.trim().replace(['\n', '\r'], " ");
    DockerError::new(
        Problem::BuildFailed,
        format!("the image could not be built: {why}; its last line: {last_line}"),
    )
}

/// The labels of every image of ours.
pub(in crate::docker) fn image_labels() -> HashMap<&'static str, &'static str> {
    HashMap::from([(labels::ROLE, "image"), (labels::SCHEMA, "1")])
}

/// `Step 3/7 : RUN …` of the engine's builder.
fn step(line: &str) -> Option<(u32, u32)> {
    let (done, total) = line
        .strip_prefix("Step ")?
        .split_once(" : ")?
        .0
        .split_once('/')?;
    let (done, total): (u32, u32) = (done.parse().ok()?, total.parse().ok()?);
    (1..=total).contains(&done).then_some((done, total))
}

pub(super) fn tell(
    listener: Listener<'_>,
    phase: &str,
    fraction: Option<f64>,
    line: Option<String>,
) {
    listener(ImageProgress {
        phase: phase.to_owned(),
        fraction,
        line,
    });
}

#[cfg(test)]
mod tests {
    use super::step;

    #[test]
    fn steps_are_read_and_nothing_else_is() {
        assert_eq!(step("Step 3/7 : RUN x"), Some((3, 7)));
        assert_eq!(step("Step 0/7 : RUN x"), None);
        assert_eq!(step(" ---> abc"), None);
    }
}
