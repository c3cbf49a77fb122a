//! What the image is made of, and the making of it.

use std::path::PathBuf;

use anyhow::{Error, Result, anyhow};
use tokio::sync::OnceCell;

use crate::engine::Stop;
use crate::image::{self, BuildProgress, Builder, Source, Stopped};
use crate::resource::Busy;

/// What the image is made of. It is made once, by whoever asks first.
pub(crate) struct ImageSource {
    source: Source,
    from: From,
    /// Ends the build.
    stop: Stop,
    made: OnceCell<Result<image::Image, Unmade>>,
}

enum From {
    /// With why it is that one.
    Builder(Builder, String),
    Program(PathBuf),
}

impl ImageSource {
    /// To be built, and why by that builder.
    pub(crate) fn built(source: Source, builder: Builder, why: String, stop: Stop) -> Self {
        Self { source, from: From::Builder(builder, why), stop, made: OnceCell::new() }
    }

    /// What builds it, and why, if something has to.
    pub(crate) fn builder(&self) -> Option<&str> {
        match &self.from {
            From::Builder(_, why) => Some(why),
            From::Program(_) => None,
        }
    }

    /// From a static program that was built elsewhere.
    pub(crate) fn program(source: Source, program: PathBuf) -> Self {
        Self { source, from: From::Program(program), stop: Stop::default(), made: OnceCell::new() }
    }

    /// One that needs no compiler.
    #[cfg(test)]
    pub(in crate::resources) fn ready(source: Source, image: image::Image) -> Self {
        let from = From::Program(PathBuf::new());
        Self { source, from, stop: Stop::default(), made: OnceCell::new_with(Some(Ok(image))) }
    }

    /// The image, made if nobody has yet: a caller may begin before there is a repository.
    pub(crate) async fn made(&self, progress: &dyn Fn(BuildProgress)) -> Result<&image::Image> {
        let make = async || match &self.from {
            From::Builder(builder, _) => image::make(&self.source, builder, progress).await,
            From::Program(program) => image::of_program(&self.source, program).await,
        };
        let make = async || self.stop.or(make()).await.unwrap_or_else(|| Err(Stopped.into()));
        let made = self.made.get_or_init(async || make().await.map_err(Unmade)).await;
        made.as_ref().map_err(Unmade::again)
    }
}

/// Why there is no image, for everybody who asks: it is not built again to fail again.
struct Unmade(Error);

impl Unmade {
    fn again(&self) -> Error {
        let why = format!("{:#}", self.0);
        match self.0.is::<Stopped>() {
            // With the builder, we were stopped.
            true => Busy(why).into(),
            false => anyhow!(why),
        }
    }
}
