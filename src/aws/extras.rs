//! Settings that not every lab has: finds those that differ from AWS's defaults, sets and resets them.

use aws_sdk_lambda::operation::create_function::builders::CreateFunctionFluentBuilder;
use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder;
use aws_sdk_lambda::types::{
    Architecture, DeadLetterConfig, EphemeralStorage, FunctionConfiguration, LogFormat,
    LoggingConfig, SnapStart, SnapStartApplyOn, TracingConfig, TracingMode, VpcConfig,
};
use aws_sdk_sfn::operation::describe_state_machine::DescribeStateMachineOutput;
use aws_sdk_sfn::operation::update_state_machine::builders::UpdateStateMachineFluentBuilder;
use aws_sdk_sfn::types::{
    CloudWatchLogsLogGroup, EncryptionConfiguration, EncryptionType, LogDestination, LogLevel,
    LoggingConfiguration, TracingConfiguration,
};

use crate::stack::kinds::drift::Extras;
use crate::stack::kinds::function::{EPHEMERAL_STORAGE_LEAST, FunctionOptions, FunctionSetting};
use crate::stack::kinds::state_machine::{MachineLogging, MachineOptions, MachineSetting, TRACED};

/// Where a function logs by default.
fn own_log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// A function's settings that differ from AWS's defaults. Where an endpoint leaves a setting out, it is the default.
pub(super) fn of_function(function: &FunctionConfiguration) -> Extras<FunctionSetting> {
    let mut extras = Extras::new();
    let mut add = |setting, text: Option<String>| {
        extras.extend(text.filter(|t| !t.is_empty()).map(|text| (setting, text)));
    };
    let list = |items: Vec<&str>| items.join(", ");
    let architectures = function.architectures().iter().map(Architecture::as_str);
    let architectures: Vec<_> = architectures.filter(|a| *a != "x86_64").collect();
    add(FunctionSetting::Architectures, Some(list(architectures)));
    let dead_letter = function.dead_letter_config();
    let dead_letter = dead_letter.and_then(|config| config.target_arn());
    add(
        FunctionSetting::DeadLetterConfig,
        dead_letter.map(str::to_owned),
    );
    let storage = function.ephemeral_storage().map(EphemeralStorage::size);
    let storage = storage.filter(|size| *size > 0 && *size != EPHEMERAL_STORAGE_LEAST);
    add(
        FunctionSetting::EphemeralStorage,
        storage.map(|size| format!("{size} MB")),
    );
    let mounts = function.file_system_configs().iter();
    let mounts: Vec<_> = mounts
        .map(|m| format!("{} at {}", m.arn(), m.local_mount_path()))
        .collect();
    add(FunctionSetting::FileSystemConfigs, Some(mounts.join(", ")));
    add(
        FunctionSetting::KmsKeyArn,
        function.kms_key_arn().map(str::to_owned),
    );
    let layers = function.layers().iter().filter_map(|layer| layer.arn());
    add(FunctionSetting::Layers, Some(list(layers.collect())));
    let name = function.function_name().unwrap_or_default();
    add(
        FunctionSetting::LoggingConfig,
        function
            .logging_config()
            .map(|config| logging(name, config)),
    );
    let snap_start = function.snap_start().and_then(|snap| snap.apply_on());
    let snap_start = snap_start.filter(|on| **on != SnapStartApplyOn::None);
    add(
        FunctionSetting::SnapStart,
        snap_start.map(|on| on.as_str().to_owned()),
    );
    let tracing = function.tracing_config().and_then(|config| config.mode());
    let tracing = tracing.filter(|mode| **mode != TracingMode::PassThrough);
    add(
        FunctionSetting::TracingConfig,
        tracing.map(|mode| mode.as_str().to_owned()),
    );
    let vpc = function.vpc_config().map(|vpc| {
        let ids = vpc.subnet_ids().iter().chain(vpc.security_group_ids());
        list(ids.map(String::as_str).collect())
    });
    add(FunctionSetting::VpcConfig, vpc);
    extras
}

/// The logging settings that differ from AWS's defaults; empty where none does.
fn logging(function: &str, config: &LoggingConfig) -> String {
    let format = config
        .log_format()
        .filter(|format| **format != LogFormat::Text);
    let group = config
        .log_group()
        .filter(|group| *group != own_log_group(function));
    // Only the format JSON has levels.
    let levels = [
        format
            .and_then(|_| config.application_log_level())
            .map(|level| format!("application {}", level.as_str())),
        format
            .and_then(|_| config.system_log_level())
            .map(|level| format!("system {}", level.as_str())),
    ];
    let parts = [
        format.map(|format| format.as_str().to_owned()),
        group
            .filter(|group| !group.is_empty())
            .map(|group| format!("to {group}")),
    ];
    let all = parts.into_iter().chain(levels).flatten();
    all.collect::<Vec<_>>().join(", ")
}

/// Resets settings to AWS's defaults. Architectures go with the code.
pub(super) fn undo_of_function(
    request: UpdateFunctionConfigurationFluentBuilder,
    function: &str,
    undo: &[FunctionSetting],
) -> UpdateFunctionConfigurationFluentBuilder {
    undo.iter().fold(request, |request, setting| match setting {
        FunctionSetting::Architectures => request,
        FunctionSetting::DeadLetterConfig => {
            request.dead_letter_config(DeadLetterConfig::builder().target_arn("").build())
        }
        FunctionSetting::EphemeralStorage => {
            let storage = EphemeralStorage::builder()
                .size(EPHEMERAL_STORAGE_LEAST)
                .build();
            request.set_ephemeral_storage(storage.ok())
        }
        FunctionSetting::FileSystemConfigs => request.set_file_system_configs(Some(Vec::new())),
        FunctionSetting::KmsKeyArn => request.kms_key_arn(""),
        FunctionSetting::Layers => request.set_layers(Some(Vec::new())),
        FunctionSetting::LoggingConfig => request.logging_config(
            LoggingConfig::builder()
                .log_format(LogFormat::Text)
                .log_group(own_log_group(function))
                .build(),
        ),
        FunctionSetting::SnapStart => request.snap_start(
            SnapStart::builder()
                .apply_on(SnapStartApplyOn::None)
                .build(),
        ),
        FunctionSetting::TracingConfig => request.tracing_config(
            TracingConfig::builder()
                .mode(TracingMode::PassThrough)
                .build(),
        ),
        FunctionSetting::VpcConfig => request.vpc_config(
            VpcConfig::builder()
                .set_subnet_ids(Some(Vec::new()))
                .set_security_group_ids(Some(Vec::new()))
                .build(),
        ),
    })
}

macro_rules! with_options {
    ($request:expr, $options:expr) => {{
        let options: &FunctionOptions = $options;
        let layers = (!options.layers.is_empty()).then(|| options.layers.clone());
        let tracing = TracingConfig::builder().mode(TracingMode::Active).build();
        let storage = options.ephemeral_storage_mib;
        let storage = storage.and_then(|size| EphemeralStorage::builder().size(size).build().ok());
        $request
            .set_layers(layers)
            .set_tracing_config(options.tracing.then_some(tracing))
            .set_ephemeral_storage(storage)
    }};
}

/// Sets what a lab gives a new function. The architecture goes with the code.
pub(super) fn options_of_new(
    request: CreateFunctionFluentBuilder,
    options: &FunctionOptions,
) -> CreateFunctionFluentBuilder {
    with_options!(request, options)
}

/// The same of a function that is there, after the settings that it no longer has were reset.
pub(super) fn options_of_function(
    request: UpdateFunctionConfigurationFluentBuilder,
    options: &FunctionOptions,
) -> UpdateFunctionConfigurationFluentBuilder {
    let reset = (
        request.get_layers().clone(),
        request.get_tracing_config().clone(),
        request.get_ephemeral_storage().clone(),
    );
    let request = with_options!(request, options);
    let (layers, tracing, storage) = (
        request.get_layers().clone().or(reset.0),
        request.get_tracing_config().clone().or(reset.1),
        request.get_ephemeral_storage().clone().or(reset.2),
    );
    request
        .set_layers(layers)
        .set_tracing_config(tracing)
        .set_ephemeral_storage(storage)
}

/// A state machine's settings that differ from AWS's defaults.
pub(super) fn of_machine(machine: &DescribeStateMachineOutput) -> Extras<MachineSetting> {
    let mut extras = Extras::new();
    let encryption = machine.encryption_configuration();
    if let Some(config) = encryption.filter(|c| *c.r#type() != EncryptionType::AwsOwnedKey) {
        let key = config.kms_key_id().unwrap_or("a key of the account");
        extras.insert(MachineSetting::EncryptionConfiguration, key.to_owned());
    }
    let logging = machine.logging_configuration();
    if let Some(config) = logging.filter(|c| c.level().is_some_and(|l| *l != LogLevel::Off)) {
        let level = config.level().map(LogLevel::as_str).unwrap_or_default();
        let groups = config.destinations().iter();
        let groups = groups.filter_map(|d| d.cloud_watch_logs_log_group()?.log_group_arn());
        let text = MachineLogging::text(level, groups, config.include_execution_data());
        extras.insert(MachineSetting::LoggingConfiguration, text);
    }
    if machine
        .tracing_configuration()
        .is_some_and(TracingConfiguration::enabled)
    {
        extras.insert(MachineSetting::TracingConfiguration, TRACED.to_owned());
    }
    extras
}

/// What a request says of logging: nothing where the lab does not ask for it. AWS takes the group's ARN only with what stands
/// for all its streams.
pub(super) fn logging_of_machine(options: &MachineOptions) -> Option<LoggingConfiguration> {
    let (logging, group) = options.logging.as_ref()?;
    let group = CloudWatchLogsLogGroup::builder().log_group_arn(format!("{group}:*"));
    let to = LogDestination::builder().cloud_watch_logs_log_group(group.build());
    let configuration = LoggingConfiguration::builder()
        .level(logging.events.as_str().into())
        .include_execution_data(logging.execution_data)
        .destinations(to.build());
    Some(configuration.build())
}

/// Resets settings to AWS's defaults.
pub(super) fn undo_of_machine(
    request: UpdateStateMachineFluentBuilder,
    undo: &[MachineSetting],
) -> UpdateStateMachineFluentBuilder {
    undo.iter().fold(request, |request, setting| match setting {
        MachineSetting::EncryptionConfiguration => {
            let owned = EncryptionConfiguration::builder().r#type(EncryptionType::AwsOwnedKey);
            request.set_encryption_configuration(owned.build().ok())
        }
        MachineSetting::LoggingConfiguration => request
            .logging_configuration(LoggingConfiguration::builder().level(LogLevel::Off).build()),
        MachineSetting::TracingConfiguration => {
            request.tracing_configuration(TracingConfiguration::builder().enabled(false).build())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_lambda::types::{
        ApplicationLogLevel, Layer, SnapStartResponse, TracingConfigResponse, VpcConfigResponse,
    };

    #[test]
    fn a_function_as_aws_makes_it_has_no_extras() {
        assert_eq!(
            of_function(&FunctionConfiguration::builder().build()),
            Extras::new()
        );
        let said = FunctionConfiguration::builder()
            .function_name("f")
            .architectures(Architecture::X8664)
            .ephemeral_storage(EphemeralStorage::builder().size(512).build().unwrap())
            .logging_config(
                LoggingConfig::builder()
                    .log_format(LogFormat::Text)
                    .log_group("/aws/lambda/f")
                    .build(),
            )
            .snap_start(
                SnapStartResponse::builder()
                    .apply_on(SnapStartApplyOn::None)
                    .build(),
            )
            .tracing_config(
                TracingConfigResponse::builder()
                    .mode(TracingMode::PassThrough)
                    .build(),
            )
            .vpc_config(VpcConfigResponse::builder().vpc_id("").build())
            .kms_key_arn("")
            .build();
        assert_eq!(of_function(&said), Extras::new());
    }

    #[test]
    fn whatever_a_student_sets_of_a_function_is_an_extra() {
        let set = FunctionConfiguration::builder()
            .function_name("f")
            .architectures(Architecture::Arm64)
            .dead_letter_config(DeadLetterConfig::builder().target_arn("arn:q").build())
            .ephemeral_storage(EphemeralStorage::builder().size(10240).build().unwrap())
            .kms_key_arn("arn:k")
            .layers(Layer::builder().arn("arn:l:1").build())
            .logging_config(
                LoggingConfig::builder()
                    .log_format(LogFormat::Json)
                    .application_log_level(ApplicationLogLevel::Fatal)
                    .log_group("/elsewhere")
                    .build(),
            )
            .snap_start(
                SnapStartResponse::builder()
                    .apply_on(SnapStartApplyOn::PublishedVersions)
                    .build(),
            )
            .tracing_config(
                TracingConfigResponse::builder()
                    .mode(TracingMode::Active)
                    .build(),
            )
            .vpc_config(VpcConfigResponse::builder().subnet_ids("subnet-1").build())
            .build();
        let extras = of_function(&set);
        assert_eq!(extras.len(), 9, "{extras:?}");
        assert_eq!(
            extras[&FunctionSetting::LoggingConfig],
            "JSON, to /elsewhere, application FATAL"
        );
    }
}
