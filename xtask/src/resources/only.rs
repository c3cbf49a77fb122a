//! The only one of its name, where AppConfig would have several: its names are not unique, and two runs at once both
//! make what neither sees.
//!
//! What was just made carries the tag [`NEW`] until a look shows it alone, and is not used before. Of several that
//! carry it, each run takes its own away, but for the one with the lowest id. For two to lose the tag, each would have
//! to be seen alone after the other was made: so at most one of a name is ever used, whoever makes it when.

use std::cell::RefCell;
use std::collections::HashMap;

use anyhow::Result;

use super::application::{Tagging, tags};
use crate::aws::{Mark, gone};
use crate::resource::{Busy, State};

/// The tag of what may not be the only one of its name yet.
const NEW: &str = "foothold:new";

/// The id of what this run has made.
#[derive(Default)]
pub(crate) struct Made(RefCell<Option<String>>);

/// One of a name, as it was found.
#[derive(Clone)]
pub(super) struct One {
    pub(super) id: String,
    pub(super) ours: bool,
    /// Whether it is the only one, for good.
    pub(super) settled: bool,
    /// Those beside it that nobody uses and that are ours to take away.
    rivals: Vec<String>,
    /// Whether another run has to take its own away.
    awaits: bool,
}

impl Made {
    pub(super) fn note(&self, id: Option<String>) {
        self.0.replace(id);
    }

    fn is(&self, id: &str) -> bool {
        self.0.borrow().as_deref() == Some(id)
    }
}

impl One {
    pub(super) fn state(&self) -> State {
        match self.awaits {
            true => State::Coming("another run makes the same".to_owned()),
            false => State::Ready,
        }
    }

    /// Chooses from ids with their tags: ours before others', what is settled before what is new, then the lowest.
    fn choose(mark: &Mark, made: &Made, mut all: Vec<(String, HashMap<String, String>)>) -> Option<Self> {
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let marked = |tags: &HashMap<String, String>| mark.is_on(tags.iter().map(|(k, v)| (&**k, &**v)));
        let (new, settled): (Vec<_>, Vec<_>) =
            all.iter().filter(|(_, tags)| marked(tags)).partition(|(_, tags)| tags.contains_key(NEW));
        let Some((id, _)) = settled.first().or(new.first()) else {
            let (id, ours, settled, awaits) = (all.first()?.0.clone(), false, true, false);
            return Some(Self { id, ours, settled, rivals: Vec::new(), awaits });
        };
        let is_settled = !settled.is_empty();
        let others: Vec<&String> = new.iter().map(|(other, _)| other).filter(|other| *other != id).collect();
        let ours_to_take = |other: &&&String| is_settled || made.is(other);
        let rivals: Vec<String> = others.iter().filter(ours_to_take).map(|id| (*id).clone()).collect();
        let awaits = rivals.is_empty() && !others.is_empty();
        let settled = is_settled && rivals.is_empty();
        Some(Self { id: id.clone(), ours: true, settled, rivals, awaits })
    }
}

impl Tagging<'_> {
    /// Of these, which have one name, the one that counts.
    pub(super) async fn only(
        &self,
        mark: &Mark,
        made: &Made,
        ids: &[String],
        path: impl Fn(&str) -> String,
    ) -> Result<Option<One>> {
        let mut all = Vec::new();
        for id in ids {
            all.push((id.clone(), self.tags(&path(id)).await?));
        }
        Ok(One::choose(mark, made, all))
    }

    /// Takes the rivals away, or, where there are none, says that it is the only one.
    pub(super) async fn settle(
        &self,
        found: &One,
        path: impl Fn(&str) -> String,
        remove: impl AsyncFn(&str) -> Result<()>,
    ) -> Result<()> {
        for rival in &found.rivals {
            remove(rival).await?;
        }
        if !found.rivals.is_empty() {
            return Err(Busy("another run has made the same".to_owned()).into());
        }
        let request = self.door.appconfig().untag_resource().resource_arn(self.arn(&path(&found.id)));
        // Gone, when somebody took it away: then it is looked for again.
        gone(request.tag_keys(NEW).send().await, &[super::application::ABSENT], &[])
    }
}

/// What a creation is tagged with.
pub(super) fn new_tags(mark: &Mark) -> Option<HashMap<String, String>> {
    let mut tags = tags(mark)?;
    tags.insert(NEW.to_owned(), "true".to_owned());
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each id with its tags: `n`ew, `s`ettled, or somebody else's.
    fn choose(made: &str, all: &[(&str, char)]) -> Option<One> {
        let mark = Mark { project: "Shop".to_owned(), stage: None };
        let tags = |kind| match kind {
            'n' => new_tags(&mark).unwrap(),
            's' => tags(&mark).unwrap(),
            _ => HashMap::new(),
        };
        let all = all.iter().map(|(id, kind)| ((*id).to_owned(), tags(*kind)));
        One::choose(&mark, &Made(RefCell::new(Some(made.to_owned()))), all.collect())
    }

    #[test]
    fn of_several_one_counts_and_only_what_nobody_uses_goes() {
        let told = |made, all: &[(&str, char)]| {
            choose(made, all)
                .map(|it| format!("{} {} {} {:?} {}", it.id, it.ours, it.settled, it.rivals, it.awaits))
        };
        for (made, all, expected) in [
            ("", &[("a", '-')][..], "a false true [] false"),
            ("", &[("a", 's')], "a true true [] false"),
            ("a", &[("a", 'n')], "a true false [] false"),
            ("", &[("a", 'n')], "a true false [] false"),
            ("b", &[("b", 's'), ("a", '-')], "b true true [] false"),
            ("b", &[("b", 'n'), ("a", 'n')], "a true false [\"b\"] false"),
            ("a", &[("b", 'n'), ("a", 'n')], "a true false [] true"),
            ("a", &[("b", 's'), ("a", 'n')], "b true false [\"a\"] false"),
            ("", &[("b", 's'), ("a", 's')], "a true true [] false"),
        ] {
            assert_eq!(told(made, all).as_deref(), Some(expected), "{made} {all:?}");
        }
        assert!(told("", &[]).is_none());
    }

    /// Two runs that both saw nothing, each of which creates, then looks, then does what follows from that.
    #[derive(Clone, Default)]
    struct Race {
        there: Vec<(&'static str, char)>,
        made: [Option<&'static str>; 2],
        decided: [Option<One>; 2],
        used: [Option<String>; 2],
    }

    impl Race {
        /// The next step of a run. `None` where it has come to its end, or waits.
        fn step(mut self, run: usize) -> Option<Self> {
            if self.used[run].is_some() {
                return None;
            }
            match (self.made[run], self.decided[run].take()) {
                (None, _) => {
                    let id = ["b", "a"][run];
                    self.made[run] = Some(id);
                    self.there.push((id, 'n'));
                }
                (Some(made), None) => {
                    let found = choose(made, &self.there).expect("one is always left");
                    match found.settled {
                        true => self.used[run] = Some(found.id),
                        false if found.awaits => return None,
                        false => self.decided[run] = Some(found),
                    }
                }
                (_, Some(found)) if found.rivals.is_empty() => {
                    self.there.iter_mut().filter(|it| it.0 == found.id).for_each(|it| it.1 = 's');
                }
                (_, Some(found)) => self.there.retain(|it| found.rivals.iter().all(|rival| rival != it.0)),
            }
            Some(self)
        }
    }

    #[test]
    fn whatever_the_order_one_is_left_and_both_use_it() {
        let (mut races, mut ends) = (vec![(Race::default(), String::new())], 0);
        while let Some((race, order)) = races.pop() {
            assert!(order.len() < 20, "{order} comes to no end");
            let next = [0, 1].map(|run| race.clone().step(run).map(|race| (race, format!("{order}{run}"))));
            if next.iter().all(Option::is_none) {
                let [(left, 's')] = race.there[..] else { panic!("{order}: {:?}", race.there) };
                assert!(
                    race.used.iter().all(|used| used.as_deref() == Some(left)),
                    "{order}: {:?}",
                    race.used
                );
                ends += 1;
            }
            races.extend(next.into_iter().flatten());
        }
        assert!(ends > 100, "{ends}");
    }
}
