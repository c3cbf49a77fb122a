//! Questions to a person, on the terminal; stdout stays free for results.

use std::fmt;

use anyhow::Result;
use dialoguer::console::Term;
use dialoguer::theme::ColorfulTheme;
use dialoguer::{Confirm, Input, Select};
use rustix::termios::{QueueSelector, tcflush};

/// What is wrong with an answer, and what to write instead; none when it will do.
pub(crate) type Refusal<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Someone who answers.
pub(crate) trait Prompter {
    /// One line; asked again while it is refused.
    fn text(&mut self, question: &str, default: Option<&str>, refusal: Refusal<'_>) -> Result<String>;
    /// One of the options, by its place.
    fn choose(&mut self, question: &str, options: &[&str], default: usize) -> Result<usize>;
    fn confirm(&mut self, question: &str, default: bool) -> Result<bool>;
}

/// Ctrl-C before anything was done: what is as it was. The exit status is 130.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) &'static str);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted, {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// The person at the terminal.
pub(crate) struct Person {
    term: Term,
    theme: ColorfulTheme,
}

impl Person {
    /// None when nobody could answer: a missing answer is then named, never waited for.
    pub(crate) fn at_terminal() -> Option<Self> {
        let term = Term::stderr();
        let somebody = term.is_term() && std::io::IsTerminal::is_terminal(&std::io::stdin());
        somebody.then(|| {
            // What was typed before a question is no answer to it. Where it stays, the question is still seen.
            tcflush(std::io::stdin(), QueueSelector::IFlush).ok();
            Person { term, theme: ColorfulTheme::default() }
        })
    }

    /// A menu that ends early leaves the cursor hidden.
    fn answered<T>(&self, answer: dialoguer::Result<T>) -> Result<T> {
        answer.map_err(|dialoguer::Error::IO(e)| {
            self.term.show_cursor().ok();
            match e.kind() {
                std::io::ErrorKind::Interrupted => Interrupted("and nothing was changed").into(),
                _ => anyhow::Error::from(e).context("ask at the terminal"),
            }
        })
    }
}

impl Prompter for Person {
    fn text(&mut self, question: &str, default: Option<&str>, refusal: Refusal<'_>) -> Result<String> {
        let input = Input::<String>::with_theme(&self.theme).with_prompt(question);
        let input = input.validate_with(|answer: &String| refusal(answer.trim()).map_or(Ok(()), Err));
        let input = match default {
            Some(default) => input.default(default.to_owned()),
            None => input,
        };
        self.answered(input.interact_text_on(&self.term)).map(|answer| answer.trim().to_owned())
    }

    fn choose(&mut self, question: &str, options: &[&str], default: usize) -> Result<usize> {
        let select = Select::with_theme(&self.theme).with_prompt(question).items(options).default(default);
        self.answered(select.interact_on(&self.term))
    }

    fn confirm(&mut self, question: &str, default: bool) -> Result<bool> {
        let confirm = Confirm::with_theme(&self.theme).with_prompt(question).default(default);
        self.answered(confirm.interact_on(&self.term))
    }
}
