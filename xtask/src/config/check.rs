//! What a well-shaped file means, and everything about it that AWS would refuse.

use std::ops::Range;

use super::accounts::{Accounts, Lines};
use super::faults::Fault;
use super::file::{File, Given, Platform, Stage as Lined};
use super::shape::{Pruned, nearest};
use super::{
    Architecture, Config, IdentityCenter, Management, PREDEFINED_STRATEGIES, Size, Stage, Strategy, people,
    quoted, regions, size, variables,
};
use crate::names::Names;

/// The longest name: every name derived from it must fit too.
const LONGEST_NAME: usize = 24;

/// The environment, or none when something it cannot do without is missing or wrong.
///
/// What was `pruned` before for its shape is not called missing here.
pub(super) fn check(file: &File, pruned: &Pruned, faults: &mut Vec<Fault>) -> Option<Config> {
    let name = name(file, faults);
    let region = region(&file.region, faults);
    let names = Names::new(name.unwrap_or("x"));
    let mut accounts = Accounts::new(file, names, pruned, faults);
    let config = accounts.add(Lines::of_config(&file.config), "config", 0..0, faults);
    let stages = file.stages.iter().filter_map(Given::spanned).filter_map(|(stage, section)| {
        let name = stage_name(stage, names, faults);
        let at = stage.name.spanned().map_or(section, |(_, at)| at);
        let lines = Lines::of_stage(stage, pruned, faults);
        let account = lines.and_then(|lines| accounts.add(lines, name.unwrap_or("stage"), at, faults));
        Some(Stage { account, ..of_stage(stage, name?, file, faults) })
    });
    let stages: Vec<Stage> = stages.collect();
    twins(file, faults);
    if file.stages.is_empty() && !pruned.had("stage") {
        faults.push(Fault::new(0..0, "there is no stage", "add `[[stage]]` with `name = \"development\"`"));
    }
    let people = people::check(file, &stages, pruned, faults);
    Some(Config {
        name: name?.to_owned(),
        region: region?,
        email: file.email.get().cloned(),
        organization: file.organization.get().copied().unwrap_or(true),
        architecture: architecture(file, faults),
        management: Management { account_id: file.management.account_id.get().cloned() },
        identity_center: identity_center(file, faults),
        config: config?,
        stages,
        people,
    })
}

fn identity_center(file: &File, faults: &mut Vec<Fault>) -> Option<IdentityCenter> {
    let section = &file.identity_center;
    let own = section.region.get().map(|_| region(&section.region, faults));
    let (start_url, at) = section.start_url.spanned()?;
    if !start_url.starts_with("https://") || start_url.contains(char::is_whitespace) {
        let what = format!("`{start_url}` is not the address of an access portal");
        let instead = "write it as the console, IAM Identity Center, Settings shows it: https://…";
        faults.push(Fault::new(at, what, instead));
    }
    let region = own.unwrap_or_else(|| file.region.get().cloned())?;
    Some(IdentityCenter { start_url: start_url.clone(), region })
}

fn name<'a>(file: &'a File, faults: &mut Vec<Fault>) -> Option<&'a str> {
    let (name, at) = file.name.spanned()?;
    if !is_word(name) || name.ends_with('-') {
        let what = format!("`{name}` cannot be a name");
        faults.push(Fault::new(
            at,
            what,
            "write letters, digits and hyphens, the first a letter, the last no hyphen",
        ));
        return None;
    }
    if name.len() > LONGEST_NAME {
        let what = format!("a name has at most {LONGEST_NAME} characters, this has {}", name.len());
        faults.push(Fault::new(
            at,
            what,
            format!("shorten it: `{}`", name[..LONGEST_NAME].trim_end_matches('-')),
        ));
        return None;
    }
    derived(name, file, at, faults);
    Some(name)
}

/// The names that follow from the project's alone.
fn derived(name: &str, file: &File, at: Range<usize>, faults: &mut Vec<Fault>) {
    let names = Names::new(name);
    if names.repository().len() < 2 {
        let what = format!("the ECR repository would be `{}`, ECR wants 2 characters", names.repository());
        faults.push(Fault::new(at.clone(), what, "write a longer name"));
    }
    if uses_app_runner(file) && names.service().len() < 4 {
        let what =
            format!("the App Runner service would be `{}`, App Runner wants 4 characters", names.service());
        faults.push(Fault::new(at, what, "write a longer name"));
    }
}

fn uses_app_runner(file: &File) -> bool {
    let of_stages = file.stages.iter().filter_map(Given::get).map(|stage| &stage.platform);
    of_stages.chain([&file.platform]).any(|platform| platform.get() == Some(&Platform::AppRunner))
}

/// App Runner's API has no processors to choose: it runs images for x86_64 only.
fn architecture(file: &File, faults: &mut Vec<Fault>) -> Architecture {
    let Some((architecture, at)) = file.architecture.spanned() else { return Architecture::default() };
    if *architecture == Architecture::Arm64 && uses_app_runner(file) {
        let instead = "remove it, or write `platform = \"ecs-express\"`";
        faults.push(Fault::new(at, "App Runner has no arm64", instead));
    }
    *architecture
}

fn region(given: &Given<String>, faults: &mut Vec<Fault>) -> Option<String> {
    let (region, at) = given.spanned()?;
    if regions::all().any(|known| known == region) {
        return Some(region.clone());
    }
    let instead = nearest(region, regions::all()).unwrap_or("eu-west-1");
    faults.push(Fault::new(
        at,
        format!("there is no Region `{region}`"),
        format!("write `region = \"{instead}\"`"),
    ));
    None
}

fn stage_name<'a>(stage: &'a Lined, names: Names<'_>, faults: &mut Vec<Fault>) -> Option<&'a str> {
    let (name, at) = stage.name.spanned()?;
    let mut refuse = |what: String, instead: String| {
        faults.push(Fault::new(at.clone(), what, instead));
        None
    };
    if !is_word(name) {
        let what = format!("`{name}` cannot be the name of a stage");
        return refuse(what, "write letters, digits and hyphens, the first a letter".into());
    }
    if name.eq_ignore_ascii_case("schema") {
        let what = "app/config/schema.json is the schema, so no stage can be called that".into();
        return refuse(what, "write another name: `development`".into());
    }
    let role = names.read_role(name);
    if role.len() > 64 {
        let what = format!("its role would be `{role}`, {} characters; IAM takes 64", role.len());
        let room = (name.len() + 64).saturating_sub(role.len());
        return refuse(what, format!("write a name of at most {room} characters"));
    }
    Some(name)
}

/// The parts of a stage that are not its account.
fn of_stage(stage: &Lined, name: &str, file: &File, faults: &mut Vec<Fault>) -> Stage {
    let platform = stage.platform.get().or(file.platform.get()).copied().unwrap_or_default();
    let protected = stage.protected.get().copied().unwrap_or(false);
    Stage {
        name: name.to_owned(),
        account: None,
        platform,
        protected,
        strategy: strategy(&stage.strategy, protected, faults),
        subnets: ids(&stage.subnets, "subnet-", faults),
        security_groups: ids(&stage.security_groups, "sg-", faults),
        environment: variables::variables(&stage.environment, faults),
        size: size_of(stage, platform, faults),
    }
}

fn strategy(given: &Given<String>, protected: bool, faults: &mut Vec<Fault>) -> Strategy {
    match given.spanned() {
        None if protected => Strategy::GRADUAL,
        None => Strategy::Quick,
        Some((word, at)) => match word.as_str() {
            "quick" => Strategy::Quick,
            "gradual" => Strategy::GRADUAL,
            word => predefined(word).unwrap_or_else(|| {
                let all = ["quick", "gradual"].into_iter().chain(PREDEFINED_STRATEGIES);
                let instead =
                    nearest(word, all.clone()).map_or_else(|| quoted(all), |like| format!("`{like}`"));
                faults.push(Fault::new(
                    at,
                    format!("there is no strategy `{word}`"),
                    format!("write {instead}"),
                ));
                Strategy::Quick
            }),
        },
    }
}

fn predefined(word: &str) -> Option<Strategy> {
    PREDEFINED_STRATEGIES.into_iter().find(|name| *name == word).map(Strategy::Predefined)
}

fn ids(given: &Given<Vec<Given<String>>>, prefix: &str, faults: &mut Vec<Fault>) -> Vec<String> {
    let mut seen = Vec::new();
    for (id, at) in given.get().into_iter().flatten().filter_map(Given::spanned) {
        let rest = id.strip_prefix(prefix).unwrap_or_default();
        if rest.is_empty() || !rest.chars().all(|c| c.is_ascii_alphanumeric()) {
            let what = format!("`{id}` is no id of this kind");
            faults.push(Fault::new(at, what, format!("write one like `{prefix}0123456789abcdef0`")));
        } else if seen.contains(id) {
            faults.push(Fault::new(at, format!("`{id}` is there twice"), "remove one"));
        }
        seen.push(id.clone());
    }
    let few = prefix == "subnet-" && seen.len() == 1;
    if let Some((_, at)) = given.spanned().filter(|_| few) {
        faults.push(Fault::new(
            at,
            "one subnet is not enough",
            "add one in another zone: a load balancer needs two",
        ));
    }
    seen
}

fn size_of(stage: &Lined, platform: Platform, faults: &mut Vec<Fault>) -> Size {
    let small = Size::default();
    let cpu = stage.cpu.get().copied().unwrap_or(small.cpu);
    let fitting = size::memories(platform, cpu);
    let memory = stage.memory.get().copied().or(fitting.first().copied()).unwrap_or(small.memory);
    let min_tasks = stage.min_tasks.get().copied().unwrap_or(small.min_tasks);
    let max_tasks = stage.max_tasks.get().copied().unwrap_or(small.max_tasks.max(min_tasks));
    let mut refuse = |given: &Given<u32>, what: String, instead: String| {
        let at = given.spanned().map_or(0..0, |(_, at)| at);
        faults.push(Fault::new(at, what, instead));
    };
    if fitting.is_empty() {
        refuse(&stage.cpu, format!("there is no task with cpu {cpu}"), one_of(size::cpus(platform)));
    } else if !fitting.contains(&memory) {
        refuse(&stage.memory, format!("cpu {cpu} does not go with memory {memory}"), one_of(&fitting));
    }
    if min_tasks == 0 {
        refuse(&stage.min_tasks, "there is no scaling to nothing".into(), "write `min_tasks = 1`".into());
    }
    if max_tasks < min_tasks {
        let instead = format!("write `max_tasks = {min_tasks}` or more");
        refuse(&stage.max_tasks, "`max_tasks` is below `min_tasks`".into(), instead);
    }
    Size { cpu, memory, min_tasks, max_tasks }
}

fn one_of(numbers: &[u32]) -> String {
    let all: Vec<String> = numbers.iter().map(u32::to_string).collect();
    format!("write one of {}", all.join(", "))
}

/// Stages alike; case does not tell IAM's role names apart.
fn twins(file: &File, faults: &mut Vec<Fault>) {
    let mut seen: Vec<String> = Vec::new();
    for (name, at) in file.stages.iter().filter_map(|stage| stage.get()?.name.spanned()) {
        if seen.contains(&name.to_lowercase()) {
            faults.push(Fault::new(
                at,
                format!("there is a stage `{name}` already"),
                "give it another name, or remove it",
            ));
        }
        seen.push(name.to_lowercase());
    }
}

/// Letters, digits and hyphens, the first a letter.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
