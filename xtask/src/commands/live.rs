//! Whether the running app has what was deployed to it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::probe::{self, Version};
use crate::project::Project;
use crate::report::{FAILED, INTERRUPTED, duration};
use crate::ui::bar::Bar;

/// What all answers must carry.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'w> {
    /// The label of a configuration's version.
    Configuration(&'w str),
    /// An image's digest.
    Image(&'w str),
    /// The digest of the one that ran before.
    Before(&'w str),
}

/// Answers in a row that must carry a version, for each instance that was seen: a load balancer shows them in turn.
const IN_A_ROW: usize = 5;
/// How many times as many it takes to believe that an instance which was last seen with something else is gone.
const UNSEEN: usize = 4;
/// Between two questions.
const EVERY: Duration = Duration::from_millis(200);
/// The app asks AppConfig every 15 s, and AppConfig may let it ask once a minute only: it may miss a turn of that.
const PATIENCE: Duration = Duration::from_secs(180);

/// Asks the running app until all its answers carry what is wanted. False, and said, when they do not.
pub(crate) async fn seen(
    project: &Project<'_>,
    url: &str,
    wanted: Wanted<'_>,
    since: Instant,
) -> Result<bool> {
    let bar = Bar::new(project.ui, "the running app");
    let mut answers = Answers::new(wanted);
    let begun = Instant::now();
    let patience = PATIENCE.mul_f64(project.patience());
    while begun.elapsed() < patience {
        let answer = probe::version(url).await;
        bar.set(answers.percent(), &answers.hear(answer));
        if answers.agree() {
            drop(bar);
            let (seconds, instances) = (since.elapsed().as_secs_f64(), answers.instances.len());
            let of = if instances > 1 { format!(", on {instances} instances") } else { String::new() };
            project.ui.say(format_args!("{} in {seconds:.1} s{of}: {url}", wanted.arrived()));
            return Ok(true);
        }
        if project.stop.or(tokio::time::sleep(EVERY)).await.is_none() {
            break;
        }
    }
    drop(bar);
    if project.stop.is_stopped() {
        project.ui.say(format_args!("Deployed; `cargo xtask status` shows when {url} has it."));
        return Ok(false);
    }
    project.ui.say(format_args!(
        "Deployed, but {url} was not seen to have it in {}: {}. `cargo xtask status` shows when it has.",
        duration(begun.elapsed()),
        answers.last
    ));
    Ok(false)
}

/// The exit status of a deployment that was not seen to be live, or that nobody waited for any more.
pub(crate) fn unseen(project: &Project<'_>) -> u8 {
    if project.stop.is_stopped() { INTERRUPTED } else { FAILED }
}

impl Wanted<'_> {
    fn is_in(self, version: &Version) -> bool {
        match self {
            Self::Configuration(label) => version.configuration.as_deref() == Some(label),
            Self::Image(digest) | Self::Before(digest) => version.image.as_deref() == Some(digest),
        }
    }

    fn arrived(self) -> &'static str {
        if matches!(self, Self::Before(_)) { "Back" } else { "Live" }
    }

    /// What an answer carries instead.
    fn shown(self, version: &Version) -> String {
        let (what, value) = match self {
            Self::Configuration(_) => ("configuration", &version.configuration),
            Self::Image(_) | Self::Before(_) => ("image", &version.image),
        };
        format!("{what} {} on instance {}", value.as_deref().unwrap_or("none"), version.instance)
    }
}

/// What the app has answered so far.
struct Answers<'w> {
    wanted: Wanted<'w>,
    /// Every instance that has answered, with its last answer: whether it was the wanted one.
    instances: HashMap<String, bool>,
    in_a_row: usize,
    last: String,
}

impl<'w> Answers<'w> {
    fn new(wanted: Wanted<'w>) -> Self {
        Self { wanted, instances: HashMap::new(), in_a_row: 0, last: "it was not asked".to_owned() }
    }

    /// Takes one answer, and says what it means.
    fn hear(&mut self, answer: Result<Version>) -> String {
        self.last = match answer {
            Ok(version) => {
                let is_in = self.wanted.is_in(&version);
                self.in_a_row = if is_in { self.in_a_row + 1 } else { 0 };
                let said = self.wanted.shown(&version);
                self.instances.insert(version.instance, is_in);
                said
            }
            Err(error) => {
                self.in_a_row = 0;
                format!("{error:#}")
            }
        };
        self.last.clone()
    }

    fn agree(&self) -> bool {
        self.in_a_row >= self.needed()
    }

    fn needed(&self) -> usize {
        // An instance that had something else has another image never, and goes; another configuration it may yet get.
        let behind =
            matches!(self.wanted, Wanted::Configuration(_)) && self.instances.values().any(|is_in| !is_in);
        IN_A_ROW * self.instances.len().max(1) * if behind { UNSEEN } else { 1 }
    }

    fn percent(&self) -> f32 {
        100.0 * self.in_a_row as f32 / self.needed() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(instance: &str, configuration: Option<&str>) -> Result<Version> {
        Ok(Version {
            image: None,
            configuration: configuration.map(str::to_owned),
            instance: instance.to_owned(),
            stage: "development".to_owned(),
            age: None,
        })
    }

    #[test]
    fn several_answers_in_a_row_are_live() {
        let mut answers = Answers::new(Wanted::Configuration("c-1"));
        for _ in 0..IN_A_ROW {
            assert!(!answers.agree());
            answers.hear(answer("a", Some("c-1")));
        }
        assert!(answers.agree());
    }

    #[test]
    fn one_old_answer_or_none_begins_anew() {
        for other in [answer("a", Some("c-0")), answer("a", None), Err(anyhow::anyhow!("502"))] {
            let mut answers = Answers::new(Wanted::Configuration("c-1"));
            (0..IN_A_ROW - 1).for_each(|_| drop(answers.hear(answer("a", Some("c-1")))));
            answers.hear(other);
            answers.hear(answer("a", Some("c-1")));
            assert!(!answers.agree());
        }
    }

    #[test]
    fn two_instances_must_answer_more_often_than_one() {
        let mut answers = Answers::new(Wanted::Configuration("c-1"));
        answers.hear(answer("b", Some("c-0")));
        (0..IN_A_ROW).for_each(|_| drop(answers.hear(answer("a", Some("c-1")))));
        assert!(!answers.agree(), "the other instance may still be behind");
        (0..IN_A_ROW).for_each(|_| drop(answers.hear(answer("a", Some("c-1")))));
        assert!(!answers.agree(), "it was last seen with something else");
        answers.hear(answer("b", Some("c-1")));
        assert!(answers.agree());
    }

    #[test]
    fn an_instance_that_is_not_seen_again_is_gone() {
        for (wanted, needed) in
            [(Wanted::Configuration("c-1"), 2 * IN_A_ROW * UNSEEN), (Wanted::Image("i"), 2 * IN_A_ROW)]
        {
            let mut answers = Answers::new(wanted);
            answers.hear(answer("b", Some("c-0")));
            for _ in 0..needed {
                assert!(!answers.agree());
                let mut right = answer("a", Some("c-1")).unwrap();
                right.image = Some("i".to_owned());
                answers.hear(Ok(right));
            }
            assert!(answers.agree());
        }
    }
}
