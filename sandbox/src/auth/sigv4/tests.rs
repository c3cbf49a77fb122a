//! The signatures here were made by botocore 1.44.

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const BODY: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";
/// 2026-11-20T07:00:00Z.
const THEN: f64 = 1_795_158_000.0;

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(uri).header("host", "127.0.0.1:4566");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn query_call() -> Parts {
    request(
        "POST",
        "/",
        &[
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-amz-date", "20261120T070000Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-west-1/sts/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=cd29b873a0339d3d004ab99d77acac8ea413de3bdef8e5a6cd1819a4efbb288a",
            ),
        ],
    )
}

fn rest_call(path: &str) -> Parts {
    request(
        "GET",
        path,
        &[
            ("x-amz-date", "20261120T070000Z"),
            ("x-amz-security-token", "tok+en/="),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=ASIDEXAMPLE/20261120/eu-west-1/appconfig/aws4_request, \
                 SignedHeaders=host;x-amz-date;x-amz-security-token, \
                 Signature=2c1e76b831b85b4d97e5620b15c4c4b58717506c8941a1bbfc6dbad30fff6980",
            ),
        ],
    )
}

fn presigned() -> Parts {
    request(
        "GET",
        "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=ASIDEXAMPLE%2F20261120%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20261120T070000Z\
         &X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=tok%2Ben%2F%3D\
         &X-Amz-Signature=9b68649b725949b313ccd73301e3a6e69214d4fb3d9df1e660a0d34377c20b1d",
        &[],
    )
}

fn check(parts: &Parts, body: &[u8], secret: &str, now: f64) -> Result<(), Refusal> {
    verify(&parse(parts)?, parts, body, secret, now)
}

fn words(refused: Result<(), Refusal>) -> String {
    match refused.unwrap_err() {
        Refusal::Mismatch(words) | Refusal::Incomplete(words) => words,
        Refusal::Missing => "missing".to_owned(),
    }
}

#[test]
fn a_signed_form_is_accepted() {
    let parts = query_call();
    assert_eq!(check(&parts, BODY, SECRET, THEN), Ok(()));
    let signature = parse(&parts).unwrap();
    assert_eq!(
        (signature.access_key.as_str(), signature.region.as_str(), signature.service.as_str()),
        ("AKIDEXAMPLE", "eu-west-1", "sts")
    );
}

#[test]
fn another_body_secret_or_path_does_not_match() {
    let parts = query_call();
    assert!(words(check(&parts, b"Action=DeleteRole", SECRET, THEN)).contains("does not match"));
    assert!(words(check(&parts, BODY, "other", THEN)).contains("does not match"));
    let moved = rest_call("/applications/other");
    assert!(words(check(&moved, b"", SECRET, THEN)).contains("does not match"));
}

#[test]
fn an_encoded_path_and_query_are_accepted() {
    let parts = rest_call("/applications/a%20b/x~y?max_results=5&next_token=a%2Bb%3D&arn=x%3Ay");
    assert_eq!(check(&parts, b"", SECRET, THEN), Ok(()));
    assert_eq!(parse(&parts).unwrap().token.as_deref(), Some("tok+en/="));
}

#[test]
fn a_presigned_url_lives_as_long_as_it_says() {
    let parts = presigned();
    assert_eq!(check(&parts, b"", SECRET, THEN + 59.0), Ok(()));
    assert!(words(check(&parts, b"", SECRET, THEN + 61.0)).starts_with("Signature expired"));
}

#[test]
fn a_clock_may_be_five_minutes_off() {
    let parts = query_call();
    assert_eq!(check(&parts, BODY, SECRET, THEN + 299.0), Ok(()));
    assert_eq!(
        words(check(&parts, BODY, SECRET, THEN + 301.0)),
        "Signature expired: 20261120T070000Z is now earlier than 20261120T070001Z (20261120T070501Z - 5 min.)"
    );
    assert!(words(check(&parts, BODY, SECRET, THEN - 301.0)).starts_with("Signature not yet current"));
}

#[test]
fn a_request_without_signature_is_unsigned() {
    assert!(unsigned(&request("GET", "/", &[("authorization", "Basic QVdTOnB3")])));
    assert!(!unsigned(&query_call()));
    assert!(!unsigned(&presigned()));
    assert_eq!(parse(&request("GET", "/", &[])), Err(Refusal::Missing));
}

#[test]
fn a_half_made_header_is_incomplete() {
    let bad = [
        "AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/sts/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=A/sts, SignedHeaders=host, Signature=00",
        "AWS4-ECDSA-P256-SHA256 Credential=A/20261120/sts/aws4_request, SignedHeaders=host, Signature=00",
    ];
    for value in bad {
        let parts = request("POST", "/", &[("x-amz-date", "20261120T070000Z"), ("authorization", value)]);
        assert!(matches!(parse(&parts), Err(Refusal::Incomplete(_))), "{value}");
    }
}
