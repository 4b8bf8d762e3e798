//! A real editor, in a real sandbox, whose app went away and came back.

use std::time::Duration;

use sandbox_engine::SandboxId;
use sandbox_engine::terminal::{Attachment, OpenTerminal, Piece};
use support::containers::search;

use crate::bench_of_one::{Bench, engine};
use crate::network::{create, sh};

const LONG: Duration = Duration::from_secs(60);

/// Shows what comes until the screen has all of the texts.
async fn until(reader: &mut Attachment, screen: &mut vt100::Parser, texts: &[&str]) {
    loop {
        let contents = screen.screen().contents();
        if texts.iter().all(|text| contents.contains(text)) {
            return;
        }
        match tokio::time::timeout(LONG, reader.next()).await {
            Ok(Some(Piece::Screen(bytes))) => screen.process(&bytes),
            Ok(Some(Piece::Output(bytes))) => {
                screen.process(&bytes);
                reader.ack(bytes.len()).await.unwrap();
            }
            other => panic!("{texts:?} was expected, not {other:?}: {contents}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vims_screen_is_there_again_and_goes_on() {
    let bench = Bench::new();
    let id = create(&bench, &[]);
    let sandbox = SandboxId::try_from(id.clone()).unwrap();

    let first = engine(&bench, search());
    let hub = first.terminals(&sandbox).await.unwrap();
    let wanted = OpenTerminal {
        name: "vim".to_owned(),
        command: [
            "vim",
            "-u",
            "NONE",
            "-N",
            "-c",
            "set laststatus=2 showmode",
            "index.html",
        ]
        .map(str::to_owned)
        .to_vec(),
        env: Vec::new(),
        cwd: "/workspace".to_owned(),
        cols: 80,
        rows: 24,
        agent: false,
    };
    let terminal = hub.open(wanted).await.unwrap().id;
    let mut reader = hub.attach(terminal).await.unwrap();
    let mut before = vt100::Parser::default();
    until(&mut reader, &mut before, &["<h1>Hello</h1>", "index.html"]).await;
    hub.input(terminal, "Gothree \u{f6} here".as_bytes())
        .await
        .unwrap();
    until(
        &mut reader,
        &mut before,
        &["three \u{f6} here", "-- INSERT --"],
    )
    .await;
    // The app goes.
    drop((reader, hub, first));

    let second = engine(&bench, search());
    let hub = second.terminals(&sandbox).await.unwrap();
    let known = hub.list().await.unwrap();
    assert!(known[0].full_screen, "{known:?}");
    let mut reader = hub.attach(terminal).await.unwrap();
    let mut after = vt100::Parser::default();
    until(&mut reader, &mut after, &["-- INSERT --"]).await;
    let (before, now) = (before.screen(), after.screen());
    assert_eq!(now.contents(), before.contents());
    assert_eq!(now.cursor_position(), before.cursor_position());
    hub.input(terminal, b" again\x1b:wq\r").await.unwrap();
    loop {
        match tokio::time::timeout(LONG, reader.next()).await.unwrap() {
            Some(Piece::Output(bytes)) => reader.ack(bytes.len()).await.unwrap(),
            Some(Piece::Ended(status)) => break assert_eq!(status, 0),
            Some(Piece::Screen(_)) => {}
            None => panic!("the connection ended"),
        }
    }
    let said = sh(&bench, &id, "tail -n 1 index.html").ended(0);
    assert_eq!(said.out.trim(), "three \u{f6} here again");
}
