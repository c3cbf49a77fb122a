//! The rules AWS has for the e-mail address of an account.

/// The address of one account: the pattern with `{name}` and `{account}` replaced.
pub(crate) fn expand(pattern: &str, name: &str, account: &str) -> String {
    pattern.replace("{name}", name).replace("{account}", account)
}

/// What AWS would refuse about the address, and what to write instead.
pub(crate) fn refusal(address: &str) -> Option<(String, String)> {
    let said = |what: &str, instead: &str| Some((what.to_owned(), instead.to_owned()));
    if !address.is_ascii() {
        return said(
            "an e-mail address is plain ASCII to AWS",
            "write it without accents or other alphabets",
        );
    }
    let Some((local, domain)) = address.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
        return said("an e-mail address has exactly one @", "write one like aws+{account}@example.com");
    };
    if let Some(found) = address.chars().find(|found| !may_be_local(*found)) {
        return Some((
            format!("an e-mail address cannot contain {found:?}"),
            "remove it; {name} and {account} are all that is replaced".into(),
        ));
    }
    if local.is_empty() || local.starts_with('.') {
        return said("an e-mail address begins with something, and not a dot", "write a name before the @");
    }
    if !is_domain(domain) {
        return said("this is no domain for AWS", "end it in one with a dot: example.com");
    }
    match address.len() {
        6..=64 => None,
        n => Some((
            format!("{address} has {n} characters, AWS takes 6 to 64"),
            match n {
                ..6 => "write a whole address, such as aws+{account}@example.com".into(),
                _ => "write a shorter pattern, for example without {name}".into(),
            },
        )),
    }
}

fn may_be_local(c: char) -> bool {
    !c.is_ascii_whitespace() && !c.is_ascii_control() && !"\"'()<>[]:;,\\|%&{}".contains(c)
}

fn is_domain(domain: &str) -> bool {
    let edge = |c: char| c == '-' || c == '.';
    domain.contains('.')
        && !domain.starts_with(edge)
        && !domain.ends_with(edge)
        && !domain.contains("..")
        && domain.chars().all(|c| c.is_ascii_alphanumeric() || edge(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_aws_takes_them() {
        for good in ["aws+x@example.com", "a@b.cd", "o!#$*/=?^_`~-@sub.example-1.org"] {
            assert_eq!(refusal(good), None, "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(53));
        let bad =
            ["a", "a@b@c.de", "a b@c.de", "ü@c.de", ".a@c.de", "@c.deff", "a@cde.", "a@-c.de", "a@localhost"];
        for bad in bad.into_iter().chain(["a%b@c.de", "a{x}@c.de", "a@c..de", "a@b_c.de", "a@b.c", &long]) {
            assert!(refusal(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn the_length_is_that_of_the_expanded_address() {
        let pattern = "aws+{name}-{account}@example.com";
        assert_eq!(refusal(&expand(pattern, "listservices", "config")), None);
        assert!(refusal(&expand(pattern, &"n".repeat(24), &"a".repeat(30))).is_some());
    }
}
