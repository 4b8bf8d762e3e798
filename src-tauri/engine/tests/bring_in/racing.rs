//! While the agent goes on in the workspace, by both ways in which programs save.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;

use sandbox_engine::Operation;

use crate::desk::{Desk, picture, timeless, write};

const ROUNDS: u32 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_writes_meanwhile_is_never_lost_and_the_project_never_written() {
    for by_rename in [true, false] {
        let desk = Desk::new().await;
        let (project, workspace) = (desk.project(), desk.workspace());
        let (go, gone) = mpsc::channel::<u32>();
        let (done, wrote) = mpsc::channel::<Vec<u8>>();
        let place = workspace.clone();
        let agent = std::thread::spawn(move || {
            // Once a round, each time at another moment of it.
            for round in gone {
                for _ in 0..round * 7_919 % 60_000 * 40 {
                    std::hint::spin_loop();
                }
                let content = format!("agent {round}\n").into_bytes();
                save(&place, &content, by_rename);
                done.send(content).unwrap();
            }
        });
        let (mut brought, mut kept_out) = (0, 0);
        for round in 0..ROUNDS {
            // Workspace and base alike, then one newer version of the user's.
            let now = fs::read_to_string(project.join("both")).unwrap();
            write(&workspace, "both", &now);
            write(&project, "both", &format!("user {round}\n"));
            let mine = picture(&project);
            go.send(round).unwrap();
            let result = desk.engine.bring_in(&desk.id, &Operation::silent()).await;
            let agents = wrote.recv().unwrap();
            assert_eq!(picture(&project), mine, "the project is only read");
            match result {
                Ok(done) if done.report.applied.is_empty() => kept_out += 1,
                Ok(_) => brought += 1,
                // Both versions are kept, and it says where.
                Err(error) => println!("round {round}: {error}"),
            }
            let here = fs::read(workspace.join("both")).unwrap();
            let in_backup = || {
                let all = timeless(&picture(&desk.kept()));
                all.into_values()
                    .any(|(_, _, content, _)| content == agents)
            };
            assert!(
                here == agents || in_backup(),
                "round {round}, by rename {by_rename}: {:?} is neither in the workspace nor in a backup",
                String::from_utf8_lossy(&agents)
            );
            // What is in the base is what was brought: the next round begins from the user's side.
            let op = Operation::silent();
            write(&workspace, "both", &now);
            desk.engine.bring_in(&desk.id, &op).await.unwrap();
        }
        drop(go);
        agent.join().unwrap();
        println!("by rename {by_rename}: {brought} brought, {kept_out} left to the agent");
        assert!(brought > 0, "none got through: nothing was raced");
        assert!(kept_out > 0, "no save came in between: nothing was raced");
    }
}

fn save(workspace: &Path, content: &[u8], by_rename: bool) {
    let path = workspace.join("both");
    if by_rename {
        let temporary = workspace.join(".both.swp");
        fs::write(&temporary, content).unwrap();
        fs::rename(&temporary, &path).unwrap();
    } else {
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(0).unwrap();
        file.write_all(content).unwrap();
    }
}
