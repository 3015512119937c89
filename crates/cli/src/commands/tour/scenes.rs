//! What happens on the tour, in order.

use casemate_api::names::{ClaimName, Name, UpdateName};
use casemate_api::objects::{Object, ObjectRef};
use casemate_api::tasks::{ContentSource, LimitsRequest, OutcomeKind, SubmitTask, Task};
use casemate_api::{ClientError, ProblemCode};
use casemate_model::{ByteSize, Digest};

use super::stage::{self, Stage};
use crate::commands::run::summary;
use crate::commands::verify::check_bundle;
use crate::known::Memory;
use crate::proofs;
use crate::report::CliError;

/// Two versions of the program that counts words.
const PROGRAM_1: &str = "wordcount-1.wasm";
const PROGRAM_2: &str = "wordcount-2.wasm";
const BOOK: &str = "book.txt";
/// The program that makes pictures smaller.
const SHRINK: &str = "shrink.wasm";
const PICTURE: &str = "picture.ppm";
const NAME: &str = "wordcount.tour";

pub(super) async fn play(stage: &Stage<'_>) -> Result<(), CliError> {
    stage.check_files(
        &[PROGRAM_1, PROGRAM_2, SHRINK, "endless_loop.wasm", "memory_bomb.wasm", "path_escape.wasm"],
        &[BOOK, PICTURE],
    )?;
    stage.say("The tour: a program that nobody here trusts is stored, named, run and proved.\n");
    let (first, second) = store_versions(stage).await?;
    claim(stage, &first).await?;
    let book = stage.store_data(BOOK).await?;
    let task = count_words(stage, &book, "3. Run").await?;
    update(stage, &second).await?;
    let task_2 = count_words(stage, &book, "5. Run the same again, which now is the second version:").await?;
    prove(stage, &task_2).await?;
    shrink_picture(stage).await?;
    let stopped = hostile(stage).await?;
    say_packing(stage, [&first, &second]).await?;
    stage.say(&format!(
        "That was it: 2 versions stored, 1 name with a history, tasks {} and {} with receipts, {stopped} hostile \
         programs stopped.\nLook around: casemate task list; casemate name history {NAME}; casemate audit tail; \
         casemate login",
        task.id, task_2.id
    ));
    Ok(())
}

async fn store_versions(stage: &Stage<'_>) -> Result<(Object, Object), CliError> {
    stage.say("1. Store two versions of a program that counts words (C, compiled to WebAssembly).");
    let first = stage.store_guest(PROGRAM_1).await?;
    let second = stage.store_guest(PROGRAM_2).await?;
    for object in [&first, &second] {
        let size = ByteSize::bytes(object.size_bytes);
        stage.say(&format!("   cm://{}/{}  {size}  {}", object.bucket, object.key, object.digest));
    }
    stage.say("   Both are whole on the disk for a moment; what that becomes is shown at the end.\n");
    Ok((first, second))
}

async fn say_packing(stage: &Stage<'_>, versions: [&Object; 2]) -> Result<(), CliError> {
    stage.say("9. Meanwhile the node has packed what was stored.");
    for object in versions {
        let wanted = ObjectRef { bucket: object.bucket.clone(), key: object.key.clone() };
        let info = stage.client.objects_stat(&wanted, None).await?;
        let size = ByteSize::bytes(object.size_bytes);
        let how = match (info.stored_bytes, &info.base) {
            (None, _) => "still whole: nobody has looked yet".to_owned(),
            (Some(bytes), None) => format!("takes {} of its {size}", ByteSize::bytes(bytes)),
            (Some(bytes), Some(_)) => {
                format!("takes {} of its {size}, as a difference to the other", ByteSize::bytes(bytes))
            }
        };
        stage.say(&format!("   cm://{}/{} {how}", object.bucket, object.key));
    }
    stage.say("");
    Ok(())
}

async fn claim(stage: &Stage<'_>, program: &Object) -> Result<(), CliError> {
    stage.say(&format!("2. Claim the name {NAME} for the first version."));
    let wanted = ClaimName { name: NAME.to_owned(), digest: program.digest.clone(), ..ClaimName::default() };
    let name = match stage.client.names_claim(&wanted).await {
        Ok(name) => name,
        Err(ClientError::Problem(problem)) if problem.code == ProblemCode::NameTaken => {
            stage.say("   It is ours from an earlier tour, so it is set back to the first version.");
            set(stage, program).await?
        }
        Err(error) => return Err(error.into()),
    };
    say_name(stage, &name);
    Ok(())
}

async fn update(stage: &Stage<'_>, program: &Object) -> Result<(), CliError> {
    stage.say("4. Point the name at the second version. Whoever runs the name gets it from now on.");
    let name = set(stage, program).await?;
    say_name(stage, &name);
    Ok(())
}

async fn set(stage: &Stage<'_>, program: &Object) -> Result<Name, CliError> {
    let sequence = stage.client.names_show(NAME).await?.sequence;
    let update = UpdateName { digest: Some(program.digest.clone()), ..UpdateName::default() };
    Ok(stage.client.names_update(NAME, &update, sequence).await?)
}

fn say_name(stage: &Stage<'_>, name: &Name) {
    let digest = name.digest.as_deref().unwrap_or("nothing");
    stage.say(&format!("   {} means {digest} (version {})\n", name.name, name.sequence));
}

async fn count_words(stage: &Stage<'_>, book: &Object, heading: &str) -> Result<Task, CliError> {
    stage.say(&format!("{heading} {NAME} on a book of {}.", ByteSize::bytes(book.size_bytes)));
    let wanted = SubmitTask { stdin: Some(ContentSource::Digest(book.digest.clone())), ..stage::named(NAME) };
    let (task, result) = stage.run(&wanted).await?;
    stage::expect(&result, OutcomeKind::Exited, "0")?;
    say_output(stage, &task).await?;
    Ok(task)
}

async fn say_output(stage: &Stage<'_>, task: &Task) -> Result<(), CliError> {
    for line in stage.stdout_of(task).await?.lines() {
        stage.say(&format!("   | {line}"));
    }
    for line in summary(task).lines() {
        stage.say(&format!("   {line}"));
    }
    stage.say("");
    Ok(())
}

async fn prove(stage: &Stage<'_>, task: &Task) -> Result<(), CliError> {
    stage.say("6. Check the receipt of that run offline, as somebody else would: neither node nor network is asked.");
    let receipt = proofs::receipt(stage.client, &task.id).await?;
    let output = task.result.as_ref().and_then(|result| result.stdout.as_deref());
    let output: Option<Digest> = output.and_then(|digest| digest.parse().ok());
    let memory = Memory::open()?;
    let (report, trust) = check_bundle("receipt", receipt.as_bytes(), None, output.as_ref(), &memory)?;
    stage.say(&format!("   holds, level {}: entry {} of the log", report.receipt.level, report.sequence));
    stage.say(&format!("   signed by {}", report.key));
    stage.say(&format!("   that key is {}", trust.text()));
    let mut forged = receipt.into_bytes();
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    match check_bundle("forged receipt", &forged, None, None, &Memory::none()) {
        Err(CliError::Refused { source, .. }) => {
            stage.say(&format!("   the same receipt with one letter changed is refused: {source}\n"));
            Ok(())
        }
        Ok(_) | Err(_) => Err(CliError::Tour {
            expected: "the changed receipt to be refused".to_owned(),
            found: "it was not".to_owned(),
        }),
    }
}

async fn shrink_picture(stage: &Stage<'_>) -> Result<(), CliError> {
    stage.say("7. Make a picture smaller. The program sees one input file and may leave files of its own.");
    let program = stage.store_guest(SHRINK).await?;
    let picture = stage.store_data(PICTURE).await?;
    let wanted = SubmitTask {
        inputs: vec![stage::input(PICTURE, &picture.digest)],
        output_directory: true,
        ..stage::stored(&program.digest)
    };
    let (task, result) = stage.run(&wanted).await?;
    stage::expect(&result, OutcomeKind::Exited, "0")?;
    for file in &result.outputs {
        let (before, after) = (ByteSize::bytes(picture.size_bytes), ByteSize::bytes(file.size_bytes));
        stage.say(&format!("   {} of {before} became {} of {after}", PICTURE, file.path));
    }
    say_output(stage, &task).await
}

/// A program that does harm, and what stops it.
struct Hostile {
    file: &'static str,
    says: &'static str,
    limits: LimitsRequest,
    ends: OutcomeKind,
    detail: &'static str,
}

async fn hostile(stage: &Stage<'_>) -> Result<usize, CliError> {
    stage.say("8. Now three programs that mean harm.");
    let none = LimitsRequest::default;
    let programs = [
        Hostile {
            file: "endless_loop.wasm",
            says: "loops forever; it may run for one second",
            limits: LimitsRequest { wall_ms: Some(1_000), fuel: Some(100_000_000_000_000), ..none() },
            ends: OutcomeKind::LimitReached,
            detail: "wall",
        },
        Hostile {
            file: "memory_bomb.wasm",
            says: "takes all memory it can get; it may have 32 MiB",
            limits: LimitsRequest { memory_bytes: Some(32 << 20), ..none() },
            ends: OutcomeKind::LimitReached,
            detail: "memory",
        },
        Hostile {
            file: "path_escape.wasm",
            says: "tries every way out of its directory; it ends with code 0 if none leads anywhere",
            limits: none(),
            ends: OutcomeKind::Exited,
            detail: "0",
        },
    ];
    for program in &programs {
        stage.say(&format!("   {} {}:", program.file, program.says));
        let object = stage.store_guest(program.file).await?;
        let wanted = SubmitTask { limits: program.limits.clone(), ..stage::stored(&object.digest) };
        let (task, result) = stage.run(&wanted).await?;
        stage::expect(&result, program.ends, program.detail)?;
        say_output(stage, &task).await?;
    }
    Ok(programs.len())
}
