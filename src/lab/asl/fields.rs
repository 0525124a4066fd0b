//! Which field a state takes, of which type and in which query language, and what may stand in it. Source: Amazon States
//! Language (states-language.net/spec.html) and the pages of each state type in docs.aws.amazon.com/step-functions/latest/dg.

/// What may stand in a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    Text,
    Flag,
    /// A whole number in these bounds. In JSONata, some may be an expression.
    Whole(u64, u64),
    /// A number of at least this.
    AtLeast(f64),
    Percentage,
    OneOf(&'static [&'static str]),
    Path,
    /// A path, or null for "nothing".
    PathOrNull,
    /// A path to one place that may be written.
    ReferencePathOrNull,
    /// A path, or an intrinsic function.
    Dynamic,
    /// An RFC 3339 time.
    Timestamp,
    /// Any JSON that holds paths in fields whose names end in `.$`.
    Template,
    /// Any JSON that holds expressions.
    Expressions,
    /// Any JSON, taken as it is.
    Anything,
    Object,
    List,
}

/// In which query language a field exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Both,
    JsonPath,
    Jsonata,
}

pub(super) struct AslField {
    pub(super) name: &'static str,
    pub(super) language: Language,
    pub(super) form: Form,
    /// The letters of the state types that take it (see [`letter`]).
    types: &'static str,
}

/// The state types, each with a letter of its own for the table.
const TYPES: [(&str, char); 8] = [
    ("Task", 'T'),
    ("Pass", 'P'),
    ("Choice", 'C'),
    ("Wait", 'W'),
    ("Succeed", 'S'),
    ("Fail", 'F'),
    ("Parallel", 'L'),
    ("Map", 'M'),
];

pub(super) fn types() -> impl Iterator<Item = &'static str> {
    TYPES.into_iter().map(|(name, _)| name)
}

fn letter(of: &str) -> Option<char> {
    let known = TYPES.into_iter().find(|(name, _)| *name == of)?;
    Some(known.1)
}

const SECONDS: Form = Form::Whole(1, 99_999_999);

const fn both(name: &'static str, types: &'static str, form: Form) -> AslField {
    AslField {
        name,
        language: Language::Both,
        form,
        types,
    }
}

const fn path(name: &'static str, types: &'static str, form: Form) -> AslField {
    AslField {
        name,
        language: Language::JsonPath,
        form,
        types,
    }
}

const fn jsonata(name: &'static str, types: &'static str, form: Form) -> AslField {
    AslField {
        name,
        language: Language::Jsonata,
        form,
        types,
    }
}

/// Every field of every state. Its own code checks what a form cannot say (see `asl.rs`).
#[rustfmt::skip]
const STATE: [AslField; 48] = [
    both("Type", "TPCWSFLM", Form::Text),
    both("Comment", "TPCWSFLM", Form::Text),
    both("QueryLanguage", "TPCWSFLM", Form::OneOf(&["JSONPath", "JSONata"])),
    both("Next", "TPWLM", Form::Text),
    both("End", "TPWLM", Form::Flag),
    both("Assign", "TPCWLM", Form::Template),
    both("Retry", "TLM", Form::List),
    both("Catch", "TLM", Form::List),
    path("InputPath", "TPCWSLM", Form::PathOrNull),
    path("OutputPath", "TPCWSLM", Form::PathOrNull),
    path("Parameters", "TPLM", Form::Template),
    path("ResultSelector", "TLM", Form::Template),
    path("ResultPath", "TPLM", Form::ReferencePathOrNull),
    jsonata("Arguments", "TL", Form::Expressions),
    jsonata("Output", "TPCWSLM", Form::Expressions),
    both("Resource", "T", Form::Text),
    both("Credentials", "T", Form::Object),
    both("TimeoutSeconds", "T", SECONDS),
    path("TimeoutSecondsPath", "T", Form::Path),
    both("HeartbeatSeconds", "T", SECONDS),
    path("HeartbeatSecondsPath", "T", Form::Path),
    path("Result", "P", Form::Anything),
    both("Choices", "C", Form::List),
    both("Default", "C", Form::Text),
    both("Seconds", "W", Form::Whole(0, 99_999_999)),
    both("Timestamp", "W", Form::Timestamp),
    path("SecondsPath", "W", Form::Path),
    path("TimestampPath", "W", Form::Path),
    both("Error", "F", Form::Text),
    both("Cause", "F", Form::Text),
    path("ErrorPath", "F", Form::Dynamic),
    path("CausePath", "F", Form::Dynamic),
    both("Branches", "L", Form::List),
    both("ItemProcessor", "M", Form::Object),
    both("Iterator", "M", Form::Object),
    both("ItemSelector", "M", Form::Template),
    both("ItemReader", "M", Form::Object),
    both("ItemBatcher", "M", Form::Object),
    both("ResultWriter", "M", Form::Object),
    both("Label", "M", Form::Text),
    path("ItemsPath", "M", Form::Path),
    jsonata("Items", "M", Form::Expressions),
    both("MaxConcurrency", "M", Form::Whole(0, 99_999_999)),
    path("MaxConcurrencyPath", "M", Form::Path),
    both("ToleratedFailureCount", "M", Form::Whole(0, 99_999_999)),
    path("ToleratedFailureCountPath", "M", Form::Path),
    both("ToleratedFailurePercentage", "M", Form::Percentage),
    path("ToleratedFailurePercentagePath", "M", Form::Path),
];

/// The fields that a state of this type has.
pub(super) fn of_state(kind: &str) -> impl Iterator<Item = &'static AslField> {
    let letter = letter(kind);
    STATE
        .iter()
        .filter(move |field| letter.is_some_and(|letter| field.types.contains(letter)))
}

/// The state types that have a field of this name.
pub(super) fn types_with(name: &str) -> Vec<&'static str> {
    let field = STATE.iter().find(|field| field.name == name);
    let has = |letter| field.is_some_and(|field| field.types.contains(letter));
    TYPES
        .into_iter()
        .filter(|(_, letter)| has(*letter))
        .map(|(kind, _)| kind)
        .collect()
}

/// The fields of a definition, and of what a Parallel or Map state holds.
pub(super) const MACHINE: &[AslField] = &[
    both("Comment", "", Form::Text),
    both("StartAt", "", Form::Text),
    both("States", "", Form::Object),
    both("QueryLanguage", "", Form::OneOf(&["JSONPath", "JSONata"])),
    both("Version", "", Form::OneOf(&["1.0"])),
    both("TimeoutSeconds", "", SECONDS),
    both("ProcessorConfig", "", Form::Object),
];

pub(super) const PROCESSOR_CONFIG: &[AslField] = &[
    both("Mode", "", Form::OneOf(&["INLINE", "DISTRIBUTED"])),
    both("ExecutionType", "", Form::OneOf(&["STANDARD", "EXPRESS"])),
];

pub(super) const ITEM_READER: &[AslField] = &[
    both("Resource", "", Form::Text),
    path("Parameters", "", Form::Template),
    jsonata("Arguments", "", Form::Expressions),
    both("ReaderConfig", "", Form::Object),
];

pub(super) const READER_CONFIG: &[AslField] = &[
    both(
        "InputType",
        "",
        Form::OneOf(&["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"]),
    ),
    both(
        "Transformation",
        "",
        Form::OneOf(&["NONE", "LOAD_AND_FLATTEN"]),
    ),
    both(
        "ManifestType",
        "",
        Form::OneOf(&["ATHENA_DATA", "S3_INVENTORY"]),
    ),
    both(
        "CSVDelimiter",
        "",
        Form::OneOf(&["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]),
    ),
    both(
        "CSVHeaderLocation",
        "",
        Form::OneOf(&["FIRST_ROW", "GIVEN"]),
    ),
    both("CSVHeaders", "", Form::List),
    both("ItemsPointer", "", Form::Text),
    both("MaxItems", "", Form::Whole(0, 100_000_000)),
    path("MaxItemsPath", "", Form::Path),
];

pub(super) const ITEM_BATCHER: &[AslField] = &[
    both("BatchInput", "", Form::Template),
    both("MaxItemsPerBatch", "", Form::Whole(1, 99_999_999)),
    path("MaxItemsPerBatchPath", "", Form::Path),
    both("MaxInputBytesPerBatch", "", Form::Whole(1, 262_144)),
    path("MaxInputBytesPerBatchPath", "", Form::Path),
];

pub(super) const RESULT_WRITER: &[AslField] = &[
    both("Resource", "", Form::Text),
    path("Parameters", "", Form::Template),
    jsonata("Arguments", "", Form::Expressions),
    both("WriterConfig", "", Form::Object),
];

pub(super) const WRITER_CONFIG: &[AslField] = &[
    both(
        "Transformation",
        "",
        Form::OneOf(&["NONE", "COMPACT", "FLATTEN"]),
    ),
    both("OutputType", "", Form::OneOf(&["JSON", "JSONL"])),
];

pub(super) const RETRIER: &[AslField] = &[
    both("Comment", "", Form::Text),
    both("ErrorEquals", "", Form::List),
    both("IntervalSeconds", "", Form::Whole(1, 31_622_400)),
    both("MaxAttempts", "", Form::Whole(0, 99_999_999)),
    both("BackoffRate", "", Form::AtLeast(1.0)),
    both("MaxDelaySeconds", "", Form::Whole(1, 31_622_400)),
    both("JitterStrategy", "", Form::OneOf(&["FULL", "NONE"])),
];

pub(super) const CATCHER: &[AslField] = &[
    both("Comment", "", Form::Text),
    both("ErrorEquals", "", Form::List),
    both("Next", "", Form::Text),
    both("Assign", "", Form::Template),
    path("ResultPath", "", Form::ReferencePathOrNull),
    jsonata("Output", "", Form::Expressions),
];

/// What a choice rule has beside its comparison.
pub(super) const RULE: &[AslField] = &[
    both("Comment", "", Form::Text),
    both("Next", "", Form::Text),
    both("Assign", "", Form::Template),
    path("Variable", "", Form::Path),
    path("And", "", Form::List),
    path("Or", "", Form::List),
    path("Not", "", Form::Object),
    jsonata("Condition", "", Form::Expressions),
    jsonata("Output", "", Form::Expressions),
];

/// What an operator of a choice rule compares with.
const COMPARED: [(&str, Form); 5] = [
    ("String", Form::Text),
    ("Numeric", Form::AtLeast(f64::NEG_INFINITY)),
    ("Timestamp", Form::Timestamp),
    ("Boolean", Form::Flag),
    ("Is", Form::Flag),
];
const ORDERS: [&str; 5] = [
    "Equals",
    "LessThan",
    "GreaterThan",
    "LessThanEquals",
    "GreaterThanEquals",
];
const TESTS: [&str; 6] = [
    "Null",
    "Present",
    "Numeric",
    "String",
    "Boolean",
    "Timestamp",
];

/// Every operator of a choice rule in JSONPath, with what it takes.
pub(super) fn operators() -> Vec<(String, Form)> {
    let mut operators = vec![("StringMatches".to_owned(), Form::Text)];
    for (what, form) in COMPARED {
        let ways = match what {
            "Is" => &TESTS[..],
            "Boolean" => &ORDERS[..1],
            _ => &ORDERS[..],
        };
        for way in ways {
            operators.push((format!("{what}{way}"), form));
            if what != "Is" {
                operators.push((format!("{what}{way}Path"), Form::Path));
            }
        }
    }
    operators
}

/// Two fields of one object that exclude each other, beside every `X` and `XPath`.
pub(super) const EXCLUSIVE: [(&str, &str); 2] = [
    ("ItemProcessor", "Iterator"),
    ("ItemSelector", "Parameters"),
];

/// Fields that take an expression in JSONata in the place of their number or text.
pub(super) const EXPRESSION_INSTEAD: [&str; 12] = [
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "Seconds",
    "Timestamp",
    "Error",
    "Cause",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
    "MaxItems",
    "MaxItemsPerBatch",
    "MaxInputBytesPerBatch",
];

/// The error names that Step Functions itself uses. Source: "Error names" in the Step Functions Developer Guide,
/// concepts-error-handling.html.
pub(super) const ERRORS: [&str; 17] = [
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];
