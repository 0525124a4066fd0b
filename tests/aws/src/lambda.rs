//! Lambda. Sources: Lambda API reference; developer guide, "Lambda function states".

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use homeroom::strict::{Refusal, Request};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::{Answer, Body};
use super::world::{World, tag_map};
use super::{ACCOUNT, REGION};

#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) name: String,
    configuration: Value,
    zip: Vec<u8>,
    pub(super) tags: BTreeMap<String, String>,
    /// What is reserved for it.
    pub(super) reserved: Option<usize>,
    /// Statements of the resource policy by id.
    pub(super) policy: BTreeMap<String, Value>,
}

/// The parts of a configuration that requests set, those that homeroom never sets included.
const SETTINGS: [&str; 16] = [
    "DeadLetterConfig",
    "EphemeralStorage",
    "FileSystemConfigs",
    "KMSKeyArn",
    "Layers",
    "LoggingConfig",
    "SnapStart",
    "TracingConfig",
    "VpcConfig",
    "Description",
    "Environment",
    "Handler",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
];

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

fn conflict(message: &str) -> Refusal {
    Refusal::new(409, "ResourceConflictException", message)
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidParameterValueException", message)
}

fn unpacked(zip: &Value) -> Result<(Vec<u8>, String), Refusal> {
    let bytes = BASE64.decode(zip.as_str().unwrap_or_default());
    let bytes = bytes.map_err(|_| invalid("Could not unzip uploaded file."))?;
    let digest = BASE64.encode(Sha256::digest(&bytes));
    Ok((bytes, digest))
}

/// A setting as answers show it: layers are named by ARN, and shown as objects.
fn as_shown(key: &str, value: &Value) -> Value {
    match value.as_array() {
        Some(arns) if key == "Layers" => arns.iter().map(|arn| json!({"Arn": arn})).collect(),
        _ => value.clone(),
    }
}

impl Function {
    /// A student sets something that homeroom does not.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        self.configuration[key] = as_shown(key, &value);
    }

    /// What is set of something that homeroom does not set.
    pub(super) fn setting(&self, key: &str) -> &Value {
        &self.configuration[key]
    }

    /// Environment variables.
    pub(super) fn environment(&self) -> &Value {
        &self.configuration["Environment"]["Variables"]
    }
}

impl World {
    pub(super) fn lambda(&mut self, operation: &str, request: &Request) -> Answer {
        let name = request.text("FunctionName");
        Ok(Body::Json(match operation {
            "GetAccountSettings" => json!({
                "AccountLimit": {
                    "ConcurrentExecutions": self.concurrency,
                    "UnreservedConcurrentExecutions": self.concurrency
                        - self.functions.values().filter_map(|f| f.reserved).sum::<usize>(),
                },
                "AccountUsage": {"FunctionCount": self.functions.len()},
            }),
            "ListFunctions" => self.list_functions(request),
            "CreateFunction" => self.create_function(request)?,
            "GetFunction" => self.get_function(name)?,
            "Invoke" => return self.invoke_function(name, request),
            "UpdateFunctionCode" => {
                let (zip, digest) = unpacked(request.get("ZipFile"))?;
                let now = self.last_modified();
                let function = self.function(name)?;
                function.zip = zip;
                function.configuration["CodeSha256"] = digest.into();
                function.configuration["LastModified"] = now.into();
                let architectures = request.get("Architectures");
                if !architectures.is_null() {
                    function.configuration["Architectures"] = architectures.clone();
                }
                function.configuration.clone()
            }
            "UpdateFunctionConfiguration" => {
                self.function(name)?;
                self.check_settings(request)?;
                let now = self.last_modified();
                let function = self.function(name)?;
                function.configuration["LastModified"] = now.into();
                for key in SETTINGS {
                    if !request.get(key).is_null() {
                        function.configuration[key] = as_shown(key, request.get(key));
                    }
                }
                function.configuration.clone()
            }
            "TagResource" => {
                let tags = tag_map(request.get("Tags"));
                self.function(name)?.tags.extend(tags);
                Value::Null
            }
            "UntagResource" => {
                let key = request.text("tagKeys").to_owned();
                self.function(name)?.tags.remove(&key);
                Value::Null
            }
            "PutFunctionConcurrency" => {
                let reserved = request.number("ReservedConcurrentExecutions");
                let reserved =
                    reserved.ok_or_else(|| invalid("ReservedConcurrentExecutions is missing"))?;
                self.reserve(name, reserved)?;
                json!({"ReservedConcurrentExecutions": reserved})
            }
            "DeleteFunctionConcurrency" => {
                self.function(name)?.reserved = None;
                Value::Null
            }
            "DeleteFunction" => {
                self.function(name)?;
                self.functions.remove(name);
                Value::Null
            }
            "GetPolicy" => {
                let statements: Vec<&Value> = self.function(name)?.policy.values().collect();
                if statements.is_empty() {
                    return Err(Refusal::new(
                        404,
                        "ResourceNotFoundException",
                        "The resource you requested does not exist.",
                    ));
                }
                let policy =
                    json!({"Version": "2012-10-17", "Id": "default", "Statement": statements});
                json!({"Policy": policy.to_string(), "RevisionId": "r"})
            }
            "AddPermission" => self.add_permission(name, request)?,
            "RemovePermission" => {
                let id = request.text("StatementId");
                let removed = self.function(name)?.policy.remove(id);
                removed.ok_or_else(|| {
                    Refusal::new(
                        404,
                        "ResourceNotFoundException",
                        &format!("Statement {id} is not found in resource policy."),
                    )
                })?;
                Value::Null
            }
            _ => panic!("Lambda here knows no {operation}"),
        }))
    }

    /// Now, as functions show it: tags and reserved concurrency leave it alone. Source: Lambda API reference,
    /// FunctionConfiguration, `LastModified`.
    pub(super) fn last_modified(&self) -> String {
        let now = jiff::Timestamp::from_millisecond(self.millis(self.now));
        let now = now.unwrap_or_default();
        now.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
    }

    fn function(&mut self, name: &str) -> Result<&mut Function, Refusal> {
        self.functions.get_mut(name).ok_or_else(|| {
            let message = format!("Function not found: {}", arn(name));
            Refusal::new(404, "ResourceNotFoundException", &message)
        })
    }

    /// Source: Lambda developer guide, "Configuring reserved concurrency": 100 stay for everything else.
    fn reserve(&mut self, name: &str, reserved: usize) -> Result<(), Refusal> {
        let others = self.functions.values().filter(|f| f.name != name);
        let others: usize = others.filter_map(|f| f.reserved).sum();
        if reserved > 0 && others + reserved + 100 > self.concurrency {
            return Err(invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [100].",
            ));
        }
        self.function(name)?.reserved = Some(reserved);
        Ok(())
    }

    fn check_settings(&self, request: &Request) -> Result<(), Refusal> {
        // Source: CreateFunction, `Description`.
        if request.text("Description").chars().count() > 256 {
            return Err(invalid("Member must have length less than or equal to 256"));
        }
        let variables = request.get("Environment")["Variables"].as_object();
        let size: usize = variables
            .into_iter()
            .flatten()
            .map(|(key, value)| key.len() + value.as_str().unwrap_or_default().len())
            .sum();
        if size > 4096 {
            return Err(invalid("Environment variables exceeded the 4KB limit."));
        }
        // An update that leaves the role out keeps the one that is there.
        let keeps_role = request.operation.ends_with("UpdateFunctionConfiguration")
            && request.get("Role").is_null();
        if !keeps_role && !self.assumable(request.text("Role"), "lambda.amazonaws.com") {
            return Err(invalid(
                "The role defined for the function cannot be assumed by Lambda.",
            ));
        }
        Ok(())
    }

    fn create_function(&mut self, request: &Request) -> Result<Value, Refusal> {
        let name = request.text("FunctionName");
        if name.is_empty() || name.len() > 64 {
            return Err(Refusal::new(
                400,
                "ValidationException",
                "functionName has a wrong length",
            ));
        }
        if self.functions.contains_key(name) {
            return Err(conflict(&format!("Function already exist: {name}")));
        }
        self.check_settings(request)?;
        let (zip, digest) = unpacked(&request.get("Code")["ZipFile"])?;
        let mut configuration = json!({
            "FunctionName": name,
            "FunctionArn": arn(name),
            "CodeSha256": digest,
            "Version": "$LATEST",
            "PackageType": "Zip",
            "LastModified": self.last_modified(),
        });
        for key in SETTINGS {
            configuration[key] = as_shown(key, request.get(key));
        }
        configuration["Architectures"] = request.get("Architectures").clone();
        let mut answer = configuration.clone();
        answer["State"] = "Active".into();
        let function = Function {
            name: name.to_owned(),
            configuration,
            zip,
            tags: tag_map(request.get("Tags")),
            reserved: None,
            policy: BTreeMap::new(),
        };
        self.functions.insert(name.to_owned(), function);
        Ok(answer)
    }

    /// A function by itself answers with its own name and the event. One that fails writes why into its log.
    fn invoke_function(&mut self, name: &str, request: &Request) -> Answer {
        self.function(name)?;
        if request.text("InvocationType") == "DryRun" {
            return Ok(Body::Json(Value::Null));
        }
        self.log(name, "START RequestId: 1");
        if let Some(said) = self.failing.get(name).cloned() {
            self.log(name, &said);
            return Ok(Body::Failed(
                json!({"errorType": "Exception", "errorMessage": said}),
            ));
        }
        let event: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let answer = json!({"function": name, "event": event});
        self.log(name, &answer.to_string());
        Ok(Body::Json(answer))
    }

    fn get_function(&mut self, name: &str) -> Result<Value, Refusal> {
        let function = self.function(name)?;
        let mut configuration = function.configuration.clone();
        for (key, usual) in [("State", "Active"), ("LastUpdateStatus", "Successful")] {
            if configuration[key].is_null() {
                configuration[key] = usual.into();
            }
        }
        // Source: GetFunction, `Code.Location`: "a presigned URL that you can use to download the deployment package".
        let location = format!(
            "https://awslambda-{REGION}-tasks.s3.{REGION}.amazonaws.com/snapshots/{ACCOUNT}/{name}?X-Amz-Signature=s"
        );
        let code = json!({"RepositoryType": "S3", "Location": location});
        let mut answer =
            json!({"Configuration": configuration, "Code": code, "Tags": function.tags});
        if let Some(reserved) = function.reserved {
            answer["Concurrency"] = json!({"ReservedConcurrentExecutions": reserved});
        }
        Ok(answer)
    }

    /// A function's zip, from the address that GetFunction told.
    pub(super) fn stored_code(&mut self, request: &Request) -> Answer {
        let key = request.text("Key");
        let name = key.rsplit('/').next().unwrap_or_default();
        let function = self.function(name)?;
        Ok(Body::Bytes(function.zip.clone()))
    }

    /// Leaves out `State` and `LastUpdateStatus`, as AWS does.
    fn list_functions(&self, request: &Request) -> Value {
        let all = self
            .functions
            .values()
            .map(|f| f.configuration.clone())
            .collect();
        let (page, next) =
            self.page::<Value>(all, request.text("Marker"), request.number("MaxItems"), 50);
        json!({"Functions": page, "NextMarker": next})
    }

    fn add_permission(&mut self, name: &str, request: &Request) -> Result<Value, Refusal> {
        let id = request.text("StatementId").to_owned();
        let function = self.function(name)?;
        if function.policy.contains_key(&id) {
            return Err(conflict(&format!(
                "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
            )));
        }
        let statement = json!({
            "Sid": id,
            "Effect": "Allow",
            "Principal": {"Service": request.text("Principal")},
            "Action": request.text("Action"),
            "Resource": arn(name),
            "Condition": {"ArnLike": {"AWS:SourceArn": request.text("SourceArn")}},
        });
        function.policy.insert(id, statement.clone());
        Ok(json!({"Statement": statement.to_string()}))
    }
}
