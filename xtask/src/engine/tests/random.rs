//! Three hundred environments that nobody thought of.

use std::collections::BTreeSet;

use super::toys::*;
use crate::graph::Key;
use crate::report::Outcome;

/// SplitMix64: the same graphs everywhere, always.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }
}

/// Who is where, and who needs whom, by index.
struct Graph {
    toys: Vec<Drawn>,
}

struct Drawn {
    place: Option<usize>,
    needs: BTreeSet<usize>,
    takes: u64,
    goes: u64,
}

impl Graph {
    fn draw(dice: &mut Dice) -> Self {
        let size = 2 + dice.roll(30);
        let toys = (0..size).map(|index| Drawn {
            place: (index > 0 && dice.roll(3) > 0).then(|| dice.roll(index)),
            needs: (0..dice.roll(4)).filter(|_| index > 0).map(|_| dice.roll(index.max(1))).collect(),
            takes: dice.roll(40) as u64,
            goes: dice.roll(40) as u64,
        });
        Self { toys: toys.collect() }
    }

    /// Declares those of `which`.
    fn declare(&self, toys: &mut Toys, which: impl Fn(usize) -> bool) {
        let mut keys: Vec<Option<Key<Toy>>> = Vec::new();
        for (index, drawn) in self.toys.iter().enumerate() {
            let key = which(index).then(|| {
                let needs: Vec<_> = drawn.needs.iter().filter_map(|need| keys[*need]).collect();
                let place = drawn.place.and_then(|place| keys[place]);
                let drawn = toy(&name(index)).takes(drawn.takes).goes(drawn.goes).needs(&needs);
                toys.add(Toy { place, ..drawn })
            });
            keys.push(key);
        }
    }

    fn before(&self, index: usize) -> impl Iterator<Item = usize> {
        self.toys[index].needs.iter().copied().chain(self.toys[index].place)
    }

    /// `roots` and everything that needs them.
    fn above(&self, roots: &[usize]) -> BTreeSet<usize> {
        let mut above: BTreeSet<usize> = roots.iter().copied().collect();
        for index in 0..self.toys.len() {
            if self.before(index).any(|need| above.contains(&need)) {
                above.insert(index);
            }
        }
        above
    }
}

fn name(index: usize) -> String {
    format!("toy {index}")
}

#[tokio::test(start_paused = true)]
async fn are_made_and_torn_down_in_order() {
    for seed in 0..300 {
        let graph = Graph::draw(&mut Dice(seed));
        let (world, mut toys, mut none) = (World::default(), Toys::default(), Toys::default());
        graph.declare(&mut toys, |_| true);
        assert_eq!(reconcile(&toys, &world).await.exit_status(), 0, "seed {seed}");
        for index in 0..graph.toys.len() {
            let made = world.first("create", &name(index)).unwrap();
            for need in graph.before(index) {
                let ready = world.first("create", &name(need)).unwrap().begun + WRITE / 2;
                assert!(made.begun >= ready + seconds(graph.toys[need].takes), "seed {seed}");
            }
        }
        world.forget_calls();
        reconcile(&toys, &world).await;
        assert!(world.writes().is_empty(), "seed {seed}");
        none.retire(|toys| graph.declare(toys, |_| true));
        assert_eq!(reconcile(&none, &world).await.exit_status(), 0, "seed {seed}");
        for index in 0..graph.toys.len() {
            let gone = world.first("delete", &name(index)).unwrap().begun + WRITE / 2;
            for need in graph.before(index) {
                let deleted = world.first("delete", &name(need)).unwrap();
                assert!(deleted.begun >= gone + seconds(graph.toys[index].goes), "seed {seed}");
            }
        }
        assert!(world.picture().is_empty(), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn fail_only_above_what_failed() {
    for seed in 300..400 {
        let mut dice = Dice(seed);
        let graph = Graph::draw(&mut dice);
        let (world, mut toys) = (World::default(), Toys::default());
        graph.declare(&mut toys, |_| true);
        let bad = [dice.roll(graph.toys.len()), dice.roll(graph.toys.len())];
        bad.iter().for_each(|index| world.fail("create", &name(*index), Fault::Error, 1));
        let done = reconcile(&toys, &world).await;
        let above = graph.above(&bad);
        for index in 0..graph.toys.len() {
            let outcome = outcome(&done, &name(index));
            assert_eq!(outcome.stands(), !above.contains(&index), "seed {seed} toy {index}: {outcome:?}");
            assert!(!matches!(outcome, Outcome::Interrupted(_)), "seed {seed}");
        }
        let skipped = above.iter().filter(|index| !bad.contains(index));
        for index in skipped {
            assert!(world.first("create", &name(*index)).is_none(), "seed {seed} toy {index}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lose_exactly_what_is_retired() {
    for seed in 300..400 {
        let mut dice = Dice(seed);
        let graph = Graph::draw(&mut dice);
        let (world, mut toys, mut fewer) = (World::default(), Toys::default(), Toys::default());
        graph.declare(&mut toys, |_| true);
        reconcile(&toys, &world).await;
        let retired = graph.above(&[dice.roll(graph.toys.len())]);
        // All are retired, but what is also wanted stays.
        graph.declare(&mut fewer, |index| !retired.contains(&index));
        fewer.retire(|toys| graph.declare(toys, |_| true));
        assert_eq!(reconcile(&fewer, &world).await.exit_status(), 0, "seed {seed}");
        let left: BTreeSet<String> = world.picture().into_keys().collect();
        let wanted = (0..graph.toys.len()).filter(|index| !retired.contains(index)).map(name);
        assert_eq!(left, wanted.collect(), "seed {seed}");
    }
}
