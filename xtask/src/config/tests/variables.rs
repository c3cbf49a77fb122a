//! Environment variables of the application.

use super::*;

#[test]
fn variables_are_those_that_nobody_else_sets() {
    let with = |line: &str| fault("protected = true", &format!("protected = true\nenvironment = [{line}]"));
    says(&with("\"EXPOSE\""), &["`EXPOSE` is no variable", "write `NAME=value`"]);
    says(&with("\"A B=c\""), &["`A B=c` is no variable"]);
    says(&with("\"A=b\", \"A=c\""), &["`A` is there twice"]);
    for taken in ["APPCONFIGENV", "PORT", "AWS_REGION", "IMAGE_DIGEST"] {
        says(&with(&format!("\"{taken}=x\"")), &[&format!("`{taken}` is set by what runs")]);
    }
}
