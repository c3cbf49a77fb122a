use super::*;
use crate::aws::*;
use crate::graph::*;
use crate::report::Known;
use crate::resource::*;
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;
use std::rc::Rc;
macro_rules! stub { ($name:ident, $m:ident, $kind:literal, {$($f:ident: $t:ty),*}, {$($l:ident: $lt:ty),*}) => {
  #[derive(Serialize)] pub(crate) struct $name { $(pub(crate) $f: $t),* }
  pub(crate) mod $m { #[allow(unused_imports)] use super::*; #[derive(Clone)] pub(crate) struct Learned { $(pub(crate) $l: $lt),* } }
  impl Resource for $name { type World = Aws; type Owned = (); type Learned = $m::Learned; const KIND: &'static str = $kind;
   fn name(&self) -> String { format!("{}", serde_json::to_string(self).unwrap_or_default()) } fn place(&self) -> Option<Node> { None }
   fn desired(&self, _: &Known<'_>) -> Result<()> { Ok(()) }
   async fn observe(&self, _: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> { Ok(None) }
   async fn apply(&self, _: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, _: &()) -> Result<()> { Ok(()) }
   async fn delete(&self, _: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> { Ok(()) } }
}}
pub(crate) struct ImageSource;
impl ImageSource {
    pub(crate) async fn find(_: crate::image::Source, _: Option<crate::image::BuilderKind>, _: Option<&std::path::Path>) -> Result<Self> {
        Ok(Self)
    }
}
#[derive(Serialize)]
pub(crate) struct Image {
    pub(crate) repository: Key<Repository>,
    #[serde(skip)]
    pub(crate) source: Rc<ImageSource>,
}
pub(crate) mod image {
    use super::*;
    pub(crate) async fn ensure(
        _: &Door,
        _: &repository::Learned,
        _: &ImageSource,
        _: &dyn Fn(String),
    ) -> Result<String> {
        Ok(String::new())
    }
    pub(crate) struct Learned {
        pub(crate) reference: String,
    }
}
impl Resource for Image {
    type World = Aws;
    type Owned = ();
    type Learned = image::Learned;
    const KIND: &'static str = "image";
    fn name(&self) -> String {
        format!("{}", serde_json::to_string(self).unwrap_or_default())
    }
    fn place(&self) -> Option<Node> {
        None
    }
    fn desired(&self, _: &Known<'_>) -> Result<()> {
        Ok(())
    }
    async fn observe(&self, _: &Cx<'_, Aws>) -> Result<Option<SeenBy<Self>>> {
        Ok(None)
    }
    async fn apply(&self, _: &Cx<'_, Aws>, _: Option<&SeenBy<Self>>, _: &()) -> Result<()> {
        Ok(())
    }
    async fn delete(&self, _: &Cx<'_, Aws>, _: &SeenBy<Self>) -> Result<()> {
        Ok(())
    }
}
stub!(Application, application, "application", {account: Key<Account>, mark: Mark, name: String}, {id: String});
stub!(ConfigurationEnvironment, cenv, "environment", {application: Key<Application>, mark: Mark, name: String}, {id: String});
stub!(ConfigurationProfile, cprof, "configuration profile", {application: Key<Application>, mark: Mark, name: String, schema: Value}, {id: String});
stub!(Strategy, strategy, "strategy", {account: Key<Account>, mark: Mark, name: String}, {id: String});
impl Strategy {
    pub(crate) fn quick(account: Key<Account>, mark: Mark, name: String) -> Self {
        Self { account, mark, name }
    }
}
stub!(Configuration, configuration, "configuration", {environment: Key<ConfigurationEnvironment>, profile: Key<ConfigurationProfile>, strategy: Key<Strategy>, content: Value, description: String}, {});
stub!(ExpressService, express, "express service", {account: Key<Account>, mark: Mark, name: String, image: Key<Image>, execution_role: Key<Role>, infrastructure_role: Key<Role>, task_role: Key<Role>, log_group: Key<LogGroup>, environment: Vec<(String, Input<String>)>, port: u16, size: crate::config::Size, health_path: String, subnets: Vec<String>, security_groups: Vec<String>, after: Vec<Node>}, {url: Option<String>});
stub!(AppRunnerService, apprunner, "app runner service", {account: Key<Account>, mark: Mark, name: String, image: Key<Image>, access_role: Key<Role>, task_role: Key<Role>, environment: Vec<(String, Input<String>)>, port: u16, size: crate::config::Size, health_path: String, after: Vec<Node>}, {url: Option<String>});
