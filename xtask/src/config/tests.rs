mod any;
mod variables;

use std::path::Path;

use super::*;

const GOOD: &str = r#"
name = "ListServices"
region = "eu-west-1"
email = "aws+{name}-{account}@example.com"

[[stage]]
name = "development"
account = "dev"

[[stage]]
name = "testing"

[[stage]]
name = "production"
protected = true
"#;

fn good() -> Config {
    Config::parse(FILE, GOOD).unwrap()
}

/// The faults, each as `line: what: instead`.
fn faults(text: &str) -> Vec<String> {
    let faults = Config::parse(FILE, text).expect_err("a fault").to_string();
    faults.lines().skip(1).map(|line| line.trim_start_matches("foothold.toml:").to_owned()).collect()
}

/// The only fault of the good file with one thing replaced.
fn fault(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    match &faults(&GOOD.replacen(from, to, 1))[..] {
        [one] => one.clone(),
        other => panic!("{other:#?}"),
    }
}

#[track_caller]
fn says(fault: &str, parts: &[&str]) {
    for part in parts {
        assert!(fault.contains(part), "{part:?} in {fault:?}");
    }
}

#[test]
fn a_good_file_has_its_defaults() {
    let config = good();
    let [development, testing, production] = &config.stages[..] else { panic!("{:?}", config.stages) };
    assert!(config.organization);
    assert_eq!(config.config.label, "config");
    assert_eq!(config.config.email.as_deref(), Some("aws+listservices-config@example.com"));
    assert_eq!(
        development.account.as_ref().unwrap().email.as_deref(),
        Some("aws+listservices-dev@example.com")
    );
    assert_eq!((development.platform, development.strategy), (Platform::EcsExpress, Strategy::Quick));
    assert_eq!(testing.account, None);
    assert_eq!((production.protected, production.strategy), (true, Strategy::GRADUAL));
}

#[test]
fn accounts_by_id_need_neither_organization_nor_email() {
    let text = r#"
        name = "ListServices"
        region = "eu-west-1"
        organization = false
        [management]
        account_id = "111111111111"
        [config]
        account_id = "111111111111"
        [[stage]]
        name = "development"
        account_id = "222222222222"
        role = "team/Deployer"
    "#;
    let config = Config::parse(FILE, text).unwrap();
    let ids: Vec<_> = config.accounts().map(|account| account.id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["111111111111", "222222222222"]);
    let labels: Vec<_> = config.accounts().map(|account| account.label.as_str()).collect();
    assert_eq!(labels, ["config", "development"]);
    says(&faults(&text.replace("organization = false", ""))[0], &["8:22", "in use above"]);
    says(&faults(&text.replace("[config]\n        account_id = \"111111111111\"", ""))[0], &["organization"]);
}

#[test]
fn every_fault_is_found_in_one_run_and_points_at_its_line() {
    let text = include_str!("tests/corpus/faults.toml");
    let found = faults(text);
    let marked = text.lines().enumerate().filter(|(_, line)| line.contains("# fault"));
    let marked: Vec<String> = marked.map(|(index, _)| (index + 1).to_string()).collect();
    let lines: Vec<String> = found.iter().map(|fault| fault.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(lines, marked, "{found:#?}");
}

#[test]
fn unknown_keys_are_answered_with_the_nearest_known_one() {
    assert_eq!(fault("region =", "regoin ="), "3:1: unknown key `regoin`: write `region`");
    assert_eq!(fault("protected =", "Protected ="), "15:1: unknown key `Protected`: write `protected`");
    says(&fault("protected =", "zzz ="), &["15:1", "unknown key `zzz`", "known here: `name`, `account`,"]);
}

#[test]
fn missing_keys_are_answered_with_an_example() {
    assert_eq!(fault("region = \"eu-west-1\"", ""), "1:1: `region` is missing: add `region = \"eu-west-1\"`");
    assert_eq!(fault("name = \"testing\"", ""), "10:1: `name` is missing: add `name = \"development\"`");
    says(&fault("email =", "#"), &["1:1", "`email` is missing, and accounts are to be made"]);
}

#[test]
fn wrong_types_are_answered_with_the_value_in_the_right_one() {
    assert_eq!(
        fault("protected = true", "protected = \"true\""),
        "15:13: `protected` is a string, not a boolean: write `protected = true`"
    );
    says(&fault("\"dev\"", "5"), &["8:11", "an integer, not a string", "write `account = \"5\"`"]);
    says(&fault("protected = true", "subnets = \"subnet-1\""), &["write `subnets = [\"subnet-1\"]`"]);
    says(&fault("protected = true", "cpu = -1"), &["15:7", "out of range"]);
    says(&fault("protected = true", "platform = \"apprunner\""), &["write \"app-runner\""]);
    let table = GOOD.replacen("[[stage]]\nname = \"development\"\naccount = \"dev\"", "", 1);
    let table = table.replacen("[[stage]]\nname = \"testing\"", "", 1).replacen("[[stage]]", "[stage]", 1);
    says(&faults(&table)[0], &["a table, not an array", "write `[[stage]]`"]);
}

#[test]
fn the_processors_can_be_chosen_where_the_platform_has_them() {
    let with = |line: &str| GOOD.replacen("region =", &format!("{line}\nregion ="), 1);
    assert_eq!(good().architecture, Architecture::X86_64);
    let config = Config::parse(FILE, &with("architecture = \"arm64\"")).unwrap();
    assert_eq!(config.architecture, Architecture::Arm64);
    says(&faults(&with("architecture = \"amd64\""))[0], &["3:16", "write \"arm64\""]);
    let closed = with("architecture = \"arm64\"").replace("protected = true", "platform = \"app-runner\"");
    says(&faults(&closed)[0], &["3:16", "App Runner has no arm64", "write `platform = \"ecs-express\"`"]);
}

#[test]
fn names_that_aws_would_refuse_are_refused_here() {
    for (name, part) in [
        ("9lives", "the first a letter"),
        ("List_Services", "letters, digits and hyphens"),
        ("ListServices-", "the last no hyphen"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXY", "shorten it: `ABCDEFGHIJKLMNOPQRSTUVWX`"),
        ("L", "ECR"),
        ("", "cannot be a name"),
    ] {
        says(&fault("ListServices", name), &["2:8", part]);
    }
    let short = GOOD.replace("ListServices", "abc").replace("protected = true", "platform = \"app-runner\"");
    says(&faults(&short)[0], &["2:8", "App Runner wants 4"]);
}

#[test]
fn names_that_follow_from_a_stage_fit_too() {
    let longest = "a".repeat(64 - "AppConfigListServicesAccessRole-".len());
    assert!(Config::parse(FILE, &GOOD.replace("testing", &longest)).is_ok());
    says(&fault("testing", &format!("{longest}a")), &["11:8", "IAM takes 64", "at most 32 characters"]);
    says(&fault("testing", "schema"), &["app/config/schema.json"]);
    says(&fault("testing", "te st"), &["cannot be the name of a stage"]);
    let long = GOOD.replace("aws+{name}-", "").replace("\"dev\"", &format!("\"{}\"", "d".repeat(38)));
    says(&faults(&long)[0], &["8:11", "AWS takes 50", "at most 37"]);
    says(&fault("\"dev\"", "\"default\""), &["name of another profile"]);
    says(&fault("\"dev\"", "\"d e v\""), &["cannot be the name of an account"]);
}

#[test]
fn nothing_is_declared_twice() {
    says(&fault("\"testing\"", "\"Development\""), &["11:8", "there is a stage"]);
    says(&fault("\"dev\"", "\"Config\""), &["8:11", "there is an account"]);
    says(&fault("-{account}@", "@"), &["4:9", "an address of its own", "{account}"]);
    let ids = GOOD.replace("account = \"dev\"", "account_id = \"111111111111\"");
    let ids = ids.replace("protected", "account_id = \"111111111111\"\nprotected");
    says(&faults(&ids)[0], &["15:14", "in use above"]);
    assert!(Config::parse(FILE, &format!("name = \"a\"\n{GOOD}")).is_err());
}

#[test]
fn emails_are_checked_as_aws_does() {
    let long = format!("{}@example.com", "{account}".repeat(9));
    says(&fault("aws+{name}-{account}@example.com", &long), &["4:9", "AWS takes 6 to 64"]);
    says(&fault("{name}", "{project}"), &["cannot contain '{'", "{name} and {account}"]);
    says(&fault("@example", "@@example"), &["exactly one @"]);
}

#[test]
fn regions_are_known() {
    says(&fault("eu-west-1", "eu-west-11"), &["3:10", "write `region = \"eu-west-1\"`"]);
    assert!(is_opt_in("eu-south-2") && !is_opt_in("eu-west-1"));
    assert!(Config::parse(FILE, &GOOD.replace("eu-west-1", "eu-south-2")).is_ok());
}

#[test]
fn account_ids_have_twelve_digits() {
    let with = |id: &str| fault("account = \"dev\"", &format!("account_id = \"{id}\""));
    says(&with("12345678901"), &["8:14", "write its 12 digits, this has 11"]);
    says(&with("1234-5678-9012"), &["write \"123456789012\""]);
}

#[test]
fn sizes_are_those_that_aws_has() {
    let with = |lines: &str| fault("protected = true", lines);
    says(&with("cpu = 300"), &["no task with cpu 300", "one of 256, 512"]);
    says(&with("cpu = 512\nmemory = 512"), &["16:10", "one of 1024, 2048, 3072, 4096"]);
    says(&with("platform = \"app-runner\"\ncpu = 8192"), &["no task with cpu 8192"]);
    says(&with("min_tasks = 0"), &["no scaling to nothing"]);
    says(&with("min_tasks = 3\nmax_tasks = 2"), &["16:13", "`max_tasks = 3` or more"]);
}

#[test]
fn ways_into_an_account_make_sense() {
    let with = |lines: &str| fault("account = \"dev\"", &format!("account = \"dev\"\n{lines}"));
    says(&with("role = \"arn:aws:iam::1:role/x\""), &["without the ARN"]);
    says(&with("role = \"x\"\nprofile = \"y\""), &["10:11", "keep one"]);
    says(&with("profile = \"a]b\""), &["cannot be a profile"]);
    says(&fault("protected = true", "role = \"x\""), &["15:8", "this stage has none"]);
}

#[test]
fn subnets_come_in_twos() {
    let with = |lines: &str| fault("protected = true", lines);
    says(&with("subnets = [\"subnet-1\"]"), &["one subnet is not enough"]);
    says(&with("subnets = [\"subnet-1\", \"vpc-2\"]"), &["15:24", "`vpc-2`"]);
    says(&with("security_groups = [\"sg-1\", \"sg-1\"]"), &["there twice"]);
    says(&with("strategy = \"Gradual\""), &["write `gradual`"]);
}

#[test]
fn files_that_are_no_toml_at_all() {
    says(&faults("")[0], &["1:1", "empty", "cargo xtask bootstrap"]);
    says(&faults("# only a comment\n")[0], &["empty"]);
    assert_eq!(faults("name = \nregion = \"eu\" x\n").len(), 2);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    says(&Config::load(&path).unwrap_err().to_string(), &["there is no", "cargo xtask bootstrap", "flags"]);
    std::fs::write(&path, b"name = \"a\"\nregion = \"\xff\"\n").unwrap();
    says(&Config::load(&path).unwrap_err().to_string(), &["foothold.toml:2:11", "not UTF-8"]);
}

#[test]
fn stages_are_chosen_by_name_or_by_being_the_only_one_that_runs() {
    let config = good();
    assert_eq!(config.stage(Some("testing")).unwrap().name, "testing");
    assert_eq!(config.running_stage(None).unwrap().0.name, "development");
    let unknown = config.stage(Some("prodcution")).unwrap_err().to_string();
    says(&unknown, &["`prodcution` (`production`?)", "has `development`, `testing`, `production`"]);
    let nowhere = config.running_stage(Some("testing")).unwrap_err().to_string();
    says(&nowhere, &["stage `testing` has no account", "account = \"testing\""]);
    let two = Config::parse(FILE, &GOOD.replace("protected", "account = \"prod\"\nprotected")).unwrap();
    assert_eq!(two.stage(None).unwrap_err().to_string(), "pass --stage: `development`, `production`");
}

#[test]
fn people_have_what_their_groups_have_by_default() {
    let running = GOOD.replace("protected = true", "protected = true\naccount = \"prod\"");
    let people = Config::parse(FILE, &running).unwrap().people;
    assert_eq!(people.groups, ["developers", "operators", "administrators"]);
    let of = |group: &str| -> Vec<String> {
        let own = people.assignments.iter().filter(|one| one.group == group);
        own.map(|one| format!("{:?} {}", one.account, one.permission_set)).collect()
    };
    assert_eq!(
        of("developers"),
        [
            "Config config-development",
            "Config config-testing",
            "Stage(\"development\") developer",
            "Stage(\"production\") billing-view",
            "Stage(\"production\") dns-read-only",
            "Stage(\"production\") read-only",
        ]
    );
    assert_eq!(of("administrators").len(), 4);
    assert!(of("operators").contains(&"Config config-production".to_owned()));
}

#[test]
fn a_group_with_assignments_of_the_file_has_those_alone() {
    let more = "[[permission_set]]\nname = \"support\"\nmanaged = [\"ViewOnlyAccess\"]\npolicy = \"support.json\"\n\
                [[assignment]]\ngroup = \"developers\"\npermission_set = \"support\"\naccounts = [\"all\"]\n";
    let people = Config::parse(FILE, &format!("{GOOD}{more}")).unwrap().people;
    let own = people.assignments.iter().filter(|one| one.group == "developers");
    assert!(own.clone().all(|one| one.permission_set == "support") && own.count() == 3);
    let set = people.permission_sets.iter().find(|set| set.name == "support").unwrap();
    assert_eq!(set.managed, ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]);
    assert_eq!(people.documents(), ["support.json"]);
}

#[test]
fn people_of_an_external_source_are_not_in_the_file() {
    let more = "identity_source = \"external\"";
    let person = "[[people]]\nemail = \"ada@example.com\"\nname = \"Ada\"\n";
    says(&faults(&format!("{more}{GOOD}{person}"))[0], &["external identity source are kept there"]);
    let twice = format!("{GOOD}{person}{person}");
    says(&faults(&twice)[0], &["ada@example.com is there already"]);
}

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../foothold.schema.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != schema() {
        std::fs::write(&path, schema()).unwrap();
        panic!("foothold.schema.json was not current: it has been rewritten, commit it");
    }
}

#[test]
fn pictures_show_the_line_and_the_proposal() {
    let text = GOOD.replace("eu-west-1", "eu-west-11");
    let picture = Config::parse(FILE, &text).unwrap_err().picture(false, 80);
    says(
        &picture,
        &["there is no Region", "3 │ region = \"eu-west-11\"", "help: write `region = \"eu-west-1\"`"],
    );
}
