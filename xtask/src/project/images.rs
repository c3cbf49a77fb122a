//! The image that a run would build, and the tag that it would have.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::Project;
use crate::environment::Declaration;
use crate::image::{self, Builder, BuilderKind, Linkage, Source};
use crate::resources::ImageSource;
use crate::resources::image::Learned;

impl Project<'_> {
    fn source(&self) -> Source {
        let platform = self.config.architecture;
        Source { root: self.workspace.root.clone(), package: "app".to_owned(), platform }
    }

    /// The image and its tag: from the source's fingerprint, or from a program that was built elsewhere.
    pub(super) async fn image(&self, builder: Option<BuilderKind>) -> Result<(ImageSource, String)> {
        let source = self.source();
        if let Some(program) = &self.common.binary {
            let bytes = std::fs::read(program).with_context(|| format!("read {}", program.display()))?;
            let tag = format!("src-{}", &hex::encode(Sha256::digest(bytes))[..16]);
            return Ok((ImageSource::program(source, program.clone()), tag));
        }
        let host = image::Host::probe(builder, source.platform).await;
        let took = image::choose(builder, source.platform, &host)?;
        let tag = image::fingerprint(&source, &took).await?.tag();
        let why = image::reason(builder, took, source.platform, &host);
        Ok((ImageSource::built(source, took, why, self.stop.clone()), tag))
    }

    /// Where the repository has images, and none of this source: only `deploy` brings another.
    pub(crate) fn about_the_source(&self, from: &Declaration, there: Option<&Learned>) -> String {
        match there {
            Some(image) if !image.current => format!(
                "\n\nNo image was made of the app's source as it is here ({}): `cargo xtask deploy` builds it and \
                 brings it to a stage.",
                from.tag
            ),
            _ => String::new(),
        }
    }

    pub(super) async fn image_unbuilt(&self) -> (ImageSource, String) {
        let (builder, stop) = (Builder::Native(Linkage::Musl), self.stop.clone());
        let musl = || ImageSource::built(self.source(), builder, String::new(), stop);
        self.image(None).await.unwrap_or_else(|_| (musl(), "src-unknown".to_owned()))
    }
}
