//! Which AWS services a region has: a snapshot of botocore's endpoint data, made by `data/snapshot.py`.

use std::collections::BTreeMap;

use serde::Deserialize;

const SNAPSHOT: &str = include_str!("../data/services.json");

/// The snapshot's date, and the services of one region in alphabetical order.
pub(crate) struct Services {
    pub(crate) date: &'static str,
    pub(crate) names: Vec<&'static str>,
}

#[derive(Deserialize)]
struct Snapshot {
    date: &'static str,
    partitions: Vec<Partition>,
}

#[derive(Deserialize)]
struct Partition {
    /// Separated by spaces.
    regions: &'static str,
    /// Each with its regions separated by spaces, or `*` for all of the partition.
    services: BTreeMap<&'static str, &'static str>,
}

/// Empty, with a warning, for a region younger than the snapshot.
pub(crate) fn of(region: &str) -> Services {
    let snapshot: Snapshot =
        serde_json::from_str(SNAPSHOT).expect("the snapshot in this binary, read by a test");
    let lists = |regions: &str| regions.split(' ').any(|listed| listed == region);
    let partition = snapshot.partitions.into_iter().find(|partition| lists(partition.regions));
    if partition.is_none() {
        tracing::warn!(
            region,
            date = snapshot.date,
            "the snapshot of AWS services does not know this region"
        );
    }
    let services = partition.into_iter().flat_map(|partition| partition.services);
    Services {
        date: snapshot.date,
        names: services
            .filter(|(_, regions)| *regions == "*" || lists(regions))
            .map(|(name, _)| name)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_its_services_in_order() {
        let ireland = of("eu-west-1").names;
        assert!(ireland.len() > 200);
        assert!(ireland.is_sorted());
        for everywhere in ["appconfig", "ecs", "s3", "iam", "organizations"] {
            assert!(ireland.contains(&everywhere), "{everywhere}");
        }
    }

    #[test]
    fn regions_differ() {
        assert!(of("us-east-1").names.len() > of("ap-southeast-7").names.len());
        assert!(!of("cn-north-1").names.is_empty());
    }

    #[test]
    fn an_unknown_region_has_none() {
        assert!(of("eu-west").names.is_empty());
        assert!(of("").names.is_empty());
    }
}
