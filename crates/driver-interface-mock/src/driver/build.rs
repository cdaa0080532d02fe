//! Building images from Dockerfiles that run no commands.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use driver_interface_errors::{
    AuthenticationError, ConfigurationError, DriverError, FileSystemError, FileSystemErrorKind, Hint,
    ImageBuildError, Result, UnsupportedError,
};
use driver_interface_types::{BuildOptions, BuildProgress, BuildStream, Dockerfile, ImageRef, TarStream};
use driver_interface_validation::{validate_build_options, validate_new_image};
use futures_util::stream;

use super::images::{collected, no_such_image};
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::{Image, Instruction, PullRefusal, Recipe, change_setting, expand, paths};
use crate::fs::{Node, Tree, absolute, read_tar};
use crate::profile::Kind;

/// A build in progress.
struct Build<K> {
    driver: MockDriver<K>,
    image: ImageRef,
    options: BuildOptions,
    context: Tree,
    steps: VecDeque<Instruction>,
    count: usize,
    /// The build arguments declared before the first stage.
    global_args: BTreeMap<String, String>,
    /// The stages so far, each with its name. The last stage is being built.
    stages: Vec<(String, Image)>,
    /// The values of the build arguments that the current stage declares.
    args: BTreeMap<String, String>,
    is_over: bool,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn build(
        &self,
        image: &ImageRef,
        context: TarStream,
        options: BuildOptions,
    ) -> Result<BuildStream> {
        let check = || {
            validate_new_image(image)?;
            validate_build_options(&options)?;
            match &options.platform {
                None => Ok(()),
                Some(platform) => {
                    let reason = format!("platform `{platform}` cannot be selected");
                    Err(UnsupportedError::new(Operation::BuildImage.as_str(), reason).into())
                }
            }
        };
        let work = async {
            let context = context_of(collected(context).await?)?;
            let invalid = |problem: String| {
                DriverError::from(ConfigurationError::single(
                    "dockerfile", "refused-by-engine", problem,
                ))
            };
            let text = match &options.dockerfile {
                Dockerfile::Text(text) => text.clone(),
                Dockerfile::Path(path) => {
                    let data = context.read(absolute("/", path).trim_start_matches('/'));
                    let missing = |_| invalid(format!("Cannot locate specified Dockerfile: {path}"));
                    String::from_utf8_lossy(&data.map_err(missing)?).into_owned()
                }
                _ => return Err(invalid("the simulated engine has no such Dockerfile".to_owned())),
            };
            let recipe = Recipe::parse(&text).map_err(invalid)?;
            if let Some(name) = recipe.unsupported() {
                let reason = format!("a simulated engine does not carry out `{name}`");
                return Err(UnsupportedError::new(Operation::BuildImage.as_str(), reason).into());
            }
            let steps = until_target(recipe, options.target.as_deref()).map_err(invalid)?;
            let build = Build {
                driver: self.clone(),
                image: image.clone(),
                options: options.clone(),
                context,
                count: steps.len(),
                steps,
                global_args: BTreeMap::new(),
                stages: Vec::new(),
                args: BTreeMap::new(),
                is_over: false,
            };
            Ok(BuildStream::new(stream::try_unfold(
                build,
                |mut build| async move {
                    let step = build.next().await?;
                    Ok(step.map(|step| (step, build)))
                },
            )))
        };
        let call = Call::new(Operation::BuildImage).on(image);
        self.call(call, check, work).await
    }
}

/// Returns the files of a build context. An empty archive is a context without files.
fn context_of(archive: Bytes) -> Result<Tree> {
    let mut tree = Tree::default();
    if !archive.is_empty() {
        read_tar(&mut tree, &archive).map_err(|problem| {
            let text = format!("the archive cannot be read: {problem}");
            FileSystemError::new("the build context", FileSystemErrorKind::InvalidData, text)
        })?;
    }
    Ok(tree)
}

/// Returns the instructions of a Dockerfile up to the end of the stage `target`. `target` is the stage's name or
/// number. Without `target`, returns all instructions.
fn until_target(recipe: Recipe, target: Option<&str>) -> Result<VecDeque<Instruction>, String> {
    let mut steps = VecDeque::from(recipe.0);
    let Some(target) = target else {
        return Ok(steps);
    };
    let stages: Vec<usize> = (0..steps.len())
        .filter(|index| steps.get(*index).is_some_and(|step| step.name == "FROM"))
        .collect();
    let is_target = |number: usize, index: usize| {
        let name = steps.get(index).and_then(|step| stage_name(&step.arguments));
        name.is_some_and(|name| name.eq_ignore_ascii_case(target)) || target == number.to_string()
    };
    let found = stages
        .iter()
        .enumerate()
        .position(|(number, index)| is_target(number, *index));
    let found = found.ok_or_else(|| format!("failed to reach build target {target} in Dockerfile"))?;
    steps.truncate(stages.get(found + 1).copied().unwrap_or(steps.len()));
    Ok(steps)
}

/// Returns `name` if the arguments of a `FROM` instruction have the form `image AS name`.
fn stage_name(arguments: &str) -> Option<&str> {
    let mut words = arguments.split_whitespace().skip(1);
    words.next().filter(|word| word.eq_ignore_ascii_case("as"))?;
    words.next()
}

impl<K: Kind> Build<K> {
    async fn next(&mut self) -> Result<Option<BuildProgress>> {
        if self.is_over {
            return Ok(None);
        }
        let Some(step) = self.steps.pop_front() else {
            self.is_over = true;
            self.driver.simulate_latency(Duration::ZERO).await;
            return self.finish().map(Some);
        };
        let number = self.count - self.steps.len();
        let line = format!("Step {number}/{} : {} {}", self.count, step.name, step.arguments);
        self.carry_out(&step, &line)?;
        Ok(Some(BuildProgress::Output(line)))
    }

    fn carry_out(&mut self, step: &Instruction, line: &str) -> Result<()> {
        let image = self.image.clone();
        let failed = |problem: String| {
            let message = format!("{problem}; the output ends with: {line}");
            DriverError::from(ImageBuildError::new(image.as_str(), message))
        };
        match step.name.as_str() {
            "FROM" => return self.begin_stage(&step.arguments, line),
            "ARG" => {
                let (name, default) = step.arguments.split_once('=').unzip();
                let name = name.unwrap_or(&step.arguments);
                let known = self.variables();
                let given = self.options.args.get(name).cloned();
                let inherited = || self.global_args.get(name).cloned();
                let value = given
                    .or_else(|| default.map(|text| expand(text, &known)))
                    .or_else(inherited);
                let declared = match self.stages.is_empty() {
                    true => &mut self.global_args,
                    false => &mut self.args,
                };
                declared.extend(value.map(|value| (name.to_owned(), value)));
                return Ok(());
            }
            "COPY" | "ADD" => {
                let copied = self.copy(&step.arguments);
                return copied.map_err(|problem| failed(format!("{} failed: {problem}", step.name)));
            }
            _ => {}
        }
        let variables = self.variables();
        if let Some((_, image)) = self.stages.last_mut() {
            change_setting(image, step, &variables).map_err(failed)?;
        }
        Ok(())
    }

    /// Returns the variables that instructions may use: the build arguments and the image's environment. The
    /// environment takes precedence.
    fn variables(&self) -> BTreeMap<String, String> {
        let Some((_, image)) = self.stages.last() else {
            return self.global_args.clone();
        };
        let mut known = self.args.clone();
        known.extend(image.env.clone());
        known
    }

    fn begin_stage(&mut self, arguments: &str, line: &str) -> Result<()> {
        let arguments = expand(arguments, &self.global_args);
        let base = arguments.split_whitespace().next().unwrap_or_default();
        let earlier = self
            .stages
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(base));
        let mut image = match earlier {
            Some((_, image)) => image.clone(),
            None if base == "scratch" => Image::new(self.image.clone(), Tree::default()),
            None => self.base_image(base, line)?,
        };
        image.digest = None;
        let name = stage_name(&arguments).map_or_else(|| self.stages.len().to_string(), str::to_owned);
        self.stages.push((name, image));
        self.args.clear();
        Ok(())
    }

    /// Returns a base image. Pulls the image first if the engine does not have it or the build options request a
    /// pull.
    fn base_image(&self, base: &str, line: &str) -> Result<Image> {
        let failed = |problem: String| {
            let message = format!("{problem}; the output ends with: {line}");
            ImageBuildError::new(self.image.as_str(), message)
        };
        let reference =
            ImageRef::new(base).map_err(|_| failed(format!("invalid reference format: {base}")))?;
        let mut state = self.driver.core.engine.state();
        if self.options.pull || state.images.get(&reference).is_none() {
            let credentials = self.options.credentials.get(reference.registry());
            match state.images.pull(&reference, credentials) {
                Ok(()) => {}
                Err(PullRefusal::WrongCredentials) => {
                    let text = format!("registry `{}` rejected the credentials", reference.registry());
                    return Err(AuthenticationError::new(text).into());
                }
                Err(_) => {
                    let error = failed(format!("pull access denied for {base}"));
                    return Err(error.with_hint(Hint::ImageUnavailable).into());
                }
            }
        }
        let found = state.images.get(&reference).cloned();
        found.ok_or_else(|| no_such_image::<K>(&reference))
    }

    /// Copies files from the context or from an earlier stage into the image.
    fn copy(&mut self, arguments: &str) -> Result<(), String> {
        let variables = self.variables();
        let (flags, rest): (Vec<&str>, Vec<&str>) = arguments
            .split_whitespace()
            .partition(|word| word.starts_with("--"));
        let mut sources = paths(&expand(&rest.join(" "), &variables));
        let target = sources.pop().filter(|_| !sources.is_empty());
        let target = target.ok_or("it requires at least two arguments")?;
        let stage = flags.iter().find_map(|flag| flag.strip_prefix("--from="));
        let from = match stage {
            None => self.context.clone(),
            Some(stage) => {
                let mut stages = self.stages.iter().enumerate();
                let found = stages.find(|(number, (name, _))| {
                    name.eq_ignore_ascii_case(stage) || number.to_string() == stage
                });
                found
                    .ok_or_else(|| format!("no stage `{stage}`"))?
                    .1
                    .1
                    .root
                    .clone()
            }
        };
        let Some((_, image)) = self.stages.last_mut() else {
            return Err("no build stage".to_owned());
        };
        let target_path = absolute(&image.working_dir, &target);
        let into_directory = target.ends_with('/')
            || sources.len() > 1
            || matches!(
                image.root.node(target_path.trim_start_matches('/')),
                Some(Node::Dir)
            );
        for source in &sources {
            let path = absolute("/", source);
            let path = path.trim_start_matches('/');
            let node = from.node(path).ok_or_else(|| {
                format!("file not found in build context or excluded by .dockerignore: stat {source}: file does not exist")
            })?;
            let name = path.rsplit('/').next().unwrap_or_default();
            let at = match node {
                Node::File(_) | Node::Link(_) if into_directory => absolute(&target_path, name),
                _ => target_path.clone(),
            };
            copy_tree(&from, path, &mut image.root, at.trim_start_matches('/'))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<BuildProgress> {
        self.driver.reach_engine()?;
        let missing = || no_such_image::<K>(&self.image);
        let (_, mut image) = self.stages.pop().ok_or_else(missing)?;
        image.reference = self.image.clone();
        image.importer = Some(self.driver.namespace().clone());
        image.labels.extend(self.options.labels.clone());
        image.created_at = Some(self.driver.core.engine.now());
        image.size = image.root.size();
        let mut state = self.driver.core.engine.state();
        state.images.keep(image);
        state
            .images
            .info(&self.image)
            .map(BuildProgress::Done)
            .ok_or_else(missing)
    }
}

/// Copies a file or a directory with everything below it. The copies belong to root.
fn copy_tree(from: &Tree, path: &str, to: &mut Tree, at: &str) -> Result<(), String> {
    let Some(node) = from.node(path) else {
        return Ok(());
    };
    if matches!(node, Node::Dir) {
        to.mkdir_all(at);
        for name in from.list(path).unwrap_or_default() {
            let below = |parent: &str| format!("{parent}/{name}").trim_start_matches('/').to_owned();
            copy_tree(from, &below(path), to, &below(at))?;
        }
        return Ok(());
    }
    if let Some((parent, _)) = at.rsplit_once('/') {
        to.mkdir_all(parent);
    }
    let mut meta = from.meta(path, &node);
    (meta.uid, meta.gid) = (0, 0);
    to.insert(at, node, meta)
        .map_err(|errno| format!("{at}: {errno}"))
}
