//! The page in the window, as a person uses it: find, click, type, read, look.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use thirtyfour::prelude::*;

/// Enough for a slow machine; a wait ends at once when the thing is there.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// The window's page.
pub struct Page {
    driver: WebDriver,
    pictures: PathBuf,
    taken: u32,
}

impl Page {
    /// Opens the window.
    pub async fn open(address: &str, window: &Path, pictures: PathBuf) -> Self {
        clear(&pictures);
        std::fs::create_dir_all(&pictures).unwrap();
        let mut wanted = Capabilities::new();
        wanted.set("browserName", json!("wry")).unwrap();
        wanted
            .set(
                "webkitgtk:browserOptions",
                json!({ "binary": window, "args": [] }),
            )
            .unwrap();
        let driver = WebDriver::new(address, wanted)
            .await
            .expect("the window opens");
        Self {
            driver,
            pictures,
            taken: 0,
        }
    }

    /// Waits for the control with that test id.
    pub async fn find(&self, id: &str) -> WebElement {
        self.find_css(&format!("[data-testid='{id}']")).await
    }

    /// Likewise, by a selector.
    pub async fn find_css(&self, selector: &str) -> WebElement {
        let found = self
            .driver
            .query(By::Css(selector))
            .wait(PATIENCE, LOOK)
            .first()
            .await;
        match found {
            Ok(element) => element,
            Err(error) => panic!(
                "no {selector}: {error}\nthe page says: {}",
                self.text("body").await
            ),
        }
    }

    /// Clicks as soon as it can be clicked.
    pub async fn click(&self, id: &str) {
        self.click_css(&format!("[data-testid='{id}']")).await;
    }

    /// Likewise, by a selector.
    pub async fn click_css(&self, selector: &str) {
        let element = self.find_css(selector).await;
        let clickable = element.wait_until().wait(PATIENCE, LOOK).clickable().await;
        clickable.unwrap_or_else(|error| panic!("{selector} cannot be clicked: {error}"));
        element
            .click()
            .await
            .unwrap_or_else(|error| panic!("clicking {selector}: {error}"));
    }

    /// Clicks where the terminal draws exactly this piece of text, as the pointer does: it is no control of the page.
    pub async fn click_in_terminal(&self, words: &str) {
        let find = format!(
            "const piece = [...document.querySelectorAll(\"[data-testid='terminal'] .xterm-rows span\")]\
               .find((one) => one.textContent === '{words}');\
             const at = piece?.getBoundingClientRect();\
             return at ? [at.x + at.width / 2, at.y + at.height / 2].map(Math.round) : null"
        );
        let until = Instant::now() + PATIENCE;
        let at = loop {
            let found = self.asked(&find).await;
            if let [x, y] = found.as_array().map_or(&[][..], Vec::as_slice) {
                break (x.as_i64().unwrap(), y.as_i64().unwrap());
            }
            assert!(Instant::now() < until, "the terminal does not draw {words}");
            tokio::time::sleep(LOOK).await;
        };
        // It looks for links where the pointer moves.
        let actions = self.driver.action_chain().move_to(at.0 - 1, at.1);
        let actions = actions.move_to(at.0, at.1).click();
        actions.perform().await.unwrap();
    }

    /// Clicks what ends the window, which then may not answer any more.
    pub async fn click_last(&self, id: &str) {
        let _ = self.find(id).await.click().await;
    }

    /// Types into the terminal, with Enter.
    pub async fn type_line(&self, line: &str) {
        let input = self.find_css("[data-testid='terminal'] textarea").await;
        input.send_keys(format!("{line}\n")).await.unwrap();
    }

    /// Presses keys one after the other, wherever the focus is; text is typed.
    pub async fn press(&self, keys: impl Into<TypingData>) {
        let actions = self.driver.action_chain().send_keys(keys);
        actions.perform().await.unwrap();
    }

    /// Presses a key while others are held.
    pub async fn press_with(&self, held: &[Key], key: impl Into<TypingData>) {
        let mut actions = self.driver.action_chain();
        for one in held {
            actions = actions.key_down(one.clone());
        }
        actions = actions.send_keys(key);
        for one in held {
            actions = actions.key_up(one.clone());
        }
        actions.perform().await.unwrap();
    }

    /// Likewise, in the terminal.
    pub async fn hold_in_terminal(&self, held: &[Key], key: impl Into<TypingData>) {
        let input = self.find_css("[data-testid='terminal'] textarea").await;
        input.focus().await.unwrap();
        self.press_with(held, key).await;
    }

    /// Clicks the entry of an open menu that says this.
    pub async fn click_words(&self, words: &str) {
        let path = format!("//*[@role='menuitem'][contains(., '{words}')]");
        let query = self.driver.query(By::XPath(path)).wait(PATIENCE, LOOK);
        query.first().await.unwrap().click().await.unwrap();
    }

    /// Clicks the button that says exactly this.
    pub async fn click_button(&self, words: &str) {
        let path = format!("//button[normalize-space(.)='{words}']");
        let query = self.driver.query(By::XPath(path)).wait(PATIENCE, LOOK);
        let found = query.and_clickable().first().await;
        let found = found.unwrap_or_else(|error| panic!("no button {words}: {error}"));
        found.click().await.unwrap();
    }

    /// Chooses an option of a list, by the words of both.
    pub async fn choose(&self, list: &str, option: &str) {
        let path = format!("//select[@aria-label='{list}']/option[normalize-space(.)='{option}']");
        let query = self.driver.query(By::XPath(path)).wait(PATIENCE, LOOK);
        query.first().await.unwrap().click().await.unwrap();
    }

    /// Waits until no part of the page is this.
    pub async fn until_gone(&self, selector: &str) {
        let script = format!("return document.querySelector(\"{selector}\") === null");
        self.until_true(&format!("{selector} is gone"), &script)
            .await;
    }

    /// What a script of the page returns.
    pub async fn asked(&self, script: &str) -> serde_json::Value {
        let answer = self.driver.execute(script, Vec::new()).await.unwrap();
        answer.json().clone()
    }

    /// Waits until a script of the page returns `true`.
    pub async fn until_true(&self, what: &str, script: &str) {
        let until = Instant::now() + PATIENCE;
        while self.asked(script).await != json!(true) {
            if Instant::now() >= until {
                let path = self.pictures.join("failed.png");
                self.driver.screenshot(&path).await.unwrap();
                panic!("waited for: {what}\nthe page: {}", self.text("body").await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The text that a part of the page shows; empty where there is no such part.
    pub async fn text(&self, selector: &str) -> String {
        let script = "const e = document.querySelector(arguments[0]); return e ? e.innerText : '';";
        let answer = self
            .driver
            .execute(script, vec![json!(selector)])
            .await
            .unwrap();
        answer.json().as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a part of the page shows some words.
    pub async fn until_says(&self, selector: &str, words: &str) {
        self.until(&format!("{selector} says \"{words}\""), selector, |text| {
            text.contains(words)
        })
        .await;
    }

    /// Waits until a part of the page no longer shows them.
    pub async fn until_silent(&self, selector: &str, words: &str) {
        self.until(
            &format!("{selector} no longer says \"{words}\""),
            selector,
            |text| !text.contains(words),
        )
        .await;
    }

    async fn until(&self, what: &str, selector: &str, right: impl Fn(&str) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = self.text(selector).await;
            if right(&text) {
                return;
            }
            if Instant::now() >= until {
                let path = self.pictures.join("failed.png");
                self.driver.screenshot(&path).await.unwrap();
            }
            assert!(
                Instant::now() < until,
                "waited for: {what}\nit says: {text}\nthe page: {}",
                self.text("body").await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Keeps a picture of the window.
    pub async fn picture(&mut self, name: &str) {
        self.taken += 1;
        let path = self.pictures.join(format!("{:02}-{name}.png", self.taken));
        self.driver.screenshot(&path).await.unwrap();
    }

    /// Forgets a window that cannot answer any more.
    pub async fn abandon(self) {
        let _ = self.driver.quit().await;
    }

    /// Closes the window.
    pub async fn close(self) {
        self.driver.quit().await.unwrap();
    }
}

/// Pictures of an earlier run; the log beside them is in use.
fn clear(pictures: &Path) {
    for entry in std::fs::read_dir(pictures).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|end| end == "png") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
