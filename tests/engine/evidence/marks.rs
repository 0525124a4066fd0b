//! Who started what: nothing that anybody can type proves it.

use homeroom::evidence::cache::LOGS_SETTLED_MS;
use homeroom::stack::kinds::function::Code;

use super::*;

/// Time enough for every log event to have come.
async fn settle() {
    tokio::time::advance(Duration::from_millis(
        1_000 + LOGS_SETTLED_MS.unsigned_abs(),
    ))
    .await;
}

/// The student saves other code of a function.
async fn change(class: &Class, function: &str) {
    let cloud = class.aws.backdoor().await;
    let code = Code {
        zip: b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
            .as_slice()
            .into(),
        sha256: String::new(),
    };
    cloud.update_function_code(function, &code).await.unwrap();
}

fn evidence(read: &ReadClass, id: &str) -> String {
    let evidence = check(&read.students[0], id).evidence.iter();
    let texts: Vec<String> = evidence.map(|e| e.sentence()).collect();
    texts.join(" | ")
}

#[tokio::test(start_paused = true)]
async fn homerooms_execution_does_not_count_though_the_trigger_hid_it() {
    let class = Class::deployed(1).await;
    let hidden = class
        .start(
            "my-own-name",
            &json!({"userId": "x", "dataType": "sales_data"}),
        )
        .await;
    settle().await;
    let (fooled, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&fooled, "console-test"), Verdict::Pass);

    let mut cache = class.empty_cache();
    let user = class.students[0].username.clone();
    let own = cache.homeroom.entry(user).or_default();
    own.executions.insert(hidden);
    let (read, _) = class.read(cache).await;
    assert_eq!(own_work_passed(&read.students[0]), [""; 0]);
    // Remembered by the cache alone, should the run logs be gone.
    let (again, _) = class.read(read.cache).await;
    assert_eq!(own_work_passed(&again.students[0]), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn with_a_changed_function_the_nonce_in_the_input_is_looked_for() {
    let class = Class::deployed(1).await;
    let mut cache = class.validate().await;
    let own = cache.homeroom.values_mut().next().unwrap();
    // The answers named other executions; only what was sent is known.
    own.executions.clear();
    let nonce = own.nonces.first().unwrap().nonce.clone();
    for n in 0..5 {
        let input = json!({"userId": format!("homeroom-{nonce}"), "dataType": "sales_data"});
        class.start(&format!("renamed-{n}"), &input).await;
    }
    settle().await;
    change(&class, "user1-trigger-workflow").await;
    let (read, _) = class.read(cache).await;
    assert_eq!(own_work_passed(&read.students[0]), [""; 0]);
    let change = &read.students[0].changes[0];
    assert_eq!(change.resource, "Lambda function user1-trigger-workflow");
    assert_eq!(change.summary, "the student changed its code");
}

#[tokio::test(start_paused = true)]
async fn an_idle_student_gets_nothing_of_executions_marked_inside_alone() {
    let class = Class::deployed(1).await;
    let mut cache = class.validate().await;
    let own = cache.homeroom.values_mut().next().unwrap();
    // Neither their names nor the API's answers tell that validate started them.
    own.executions.clear();
    let nonce = own.nonces.first().unwrap().nonce.clone();
    let input = json!({"userId": format!("homeroom-{nonce}"), "dataType": "sales_data"});
    for n in 0..5 {
        class.start(&format!("run-{n}"), &input).await;
    }
    settle().await;
    let (idle, calls) = class.read(cache).await;
    let student = &idle.students[0];
    assert_eq!(own_work_passed(student), [""; 0], "{:#?}", student.checks);
    assert_eq!(student.progress, Progress::NotStarted);
    assert_eq!(calls.0["states:DescribeExecution"], 5, "{:?}", calls.0);

    // Each is described once, and what starts after the nonce's hour needs no describing.
    tokio::time::advance(Duration::from_secs(60 * 60)).await;
    let sales = json!({"userId": "user1", "dataType": "sales_data"});
    class.start("my-own", &sales).await;
    settle().await;
    let (read, calls) = class.read(idle.cache).await;
    assert_eq!(verdict(&read, "console-test"), Verdict::Pass);
    assert_eq!(
        calls.0.get("states:DescribeExecution"),
        None,
        "{:?}",
        calls.0
    );

    // What cannot be described is neither the student's nor nobody's.
    class
        .aws
        .inject(Rule::on("states:DescribeExecution").fault(Fault::AccessDenied));
    let mut unread = class.empty_cache();
    unread.homeroom.clone_from(&read.cache.homeroom);
    let at_ms = class.aws.now_ms() - LOGS_SETTLED_MS - 60_000;
    let own = unread.homeroom.values_mut().next().unwrap();
    own.nonces.insert(Nonce { nonce, at_ms });
    let (denied, _) = class.read(unread).await;
    for id in ["console-test", "results-and-logs"] {
        let said = evidence(&denied, id);
        assert_eq!(verdict(&denied, id), Verdict::CouldNotCheck, "{id}: {said}");
        assert!(said.contains("AccessDenied"), "{id}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forged_mark_neither_counts_as_homerooms_nor_hides_anything() {
    let class = Class::deployed(1).await;
    let sales = json!({"userId": "homeroom-validation", "dataType": "sales_data"});
    for name in [
        "homeroom-validate-20260101",
        "homeroom-x",
        "api-homeroom-validation-1",
    ] {
        class.start(name, &sales).await;
    }
    class.post("homeroom-validation", "sales_data").await;
    class.post("homeroom-validation", "customer_data").await;
    settle().await;
    let (read, _) = class.read(class.validate().await).await;
    for id in ["console-test", "several-executions", "results-and-logs"] {
        assert_eq!(
            verdict(&read, id),
            Verdict::Pass,
            "{id}: {}",
            evidence(&read, id)
        );
    }
    assert!(evidence(&read, "api-valid-data").contains("none yet for inventory_data"));
    assert_eq!(read.students[0].executions.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_validation_from_another_computer_is_neither_counted_nor_failed() {
    let class = Class::deployed(1).await;
    class.validate().await;
    settle().await;
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(own_work_passed(&read.students[0]), [""; 0]);
    let logs = evidence(&read, "results-and-logs");
    assert_eq!(
        verdict(&read, "results-and-logs"),
        Verdict::CouldNotCheck,
        "{logs}"
    );
    assert!(logs.contains("no record"), "{logs}");
    // Three executions cannot be the five that are asked for.
    assert_eq!(verdict(&read, "several-executions"), Verdict::Fail);

    // Whoever did the work has it all the same.
    class.work().await;
    settle().await;
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(
        read.students[0].progress,
        Progress::Complete,
        "{:#?}",
        read.students[0].checks
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_and_an_input_like_the_apis_do_not_make_it_the_api() {
    let class = Class::deployed(1).await;
    for (n, data) in ["sales_data", "customer_data", "inventory_data"]
        .iter()
        .enumerate()
    {
        let input = json!({"userId": "user1", "dataType": data, "source": "api", "requestId": "r"});
        let data = data.replace('_', "-");
        class.start(&format!("api-user1-{data}-{n}"), &input).await;
    }
    let (young, _) = class.read(class.empty_cache()).await;
    assert_eq!(
        verdict(&young, "api-valid-data"),
        Verdict::Fail,
        "not named yet"
    );
    // The trigger's log works: something of homeroom's is in it.
    let records = class.validate().await;
    settle().await;
    let (read, calls) = class.read(records).await;
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::Fail);
    assert_eq!(
        verdict(&read, "console-test"),
        Verdict::Pass,
        "they are a person's"
    );
    for (starter, _) in &read.students[0].executions {
        assert_eq!(*starter, Starter::Person);
    }
    // Which holds: nothing is asked again.
    let (again, after) = class.read(read.cache).await;
    assert_eq!(again.students, read.students);
    let asked = |calls: &Calls| calls.0.get("logs:FilterLogEvents").copied().unwrap_or(0);
    assert!(asked(&after) < asked(&calls), "{:?}", after.0);
}

#[tokio::test(start_paused = true)]
async fn one_question_to_the_log_proves_all_starts_and_is_remembered() {
    let class = Class::deployed(1).await;
    class.work().await;
    settle().await;
    let (read, calls) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::Pass);
    assert_eq!(calls.0["logs:FilterLogEvents"], 3, "one a function");
    let by = |starter| {
        let all = read.students[0].executions.iter();
        all.filter(|(s, _)| *s == starter).count()
    };
    assert_eq!((by(Starter::Api), by(Starter::Person)), (9, 1));

    // The log is gone; what was seen once holds.
    let cloud = class.aws.backdoor().await;
    cloud
        .delete_log_group("/aws/lambda/user1-trigger-workflow")
        .await
        .unwrap();
    let (later, _) = class.read(read.cache).await;
    assert_eq!(verdict(&later, "api-valid-data"), Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_gone_off_or_past_its_time_could_not_be_checked() {
    let class = Class::deployed(1).await;
    class.work().await;
    settle().await;
    let group = "/aws/lambda/user1-trigger-workflow";
    let judge = async |class: &Class, said: &str| {
        let (read, _) = class.read(class.empty_cache()).await;
        let text = evidence(&read, "api-valid-data");
        assert_eq!(
            verdict(&read, "api-valid-data"),
            Verdict::CouldNotCheck,
            "{text}"
        );
        assert!(text.contains(said), "{said}: {text}");
        // Where no way is asked, it counts.
        assert_eq!(verdict(&read, "several-executions"), Verdict::Pass);
    };
    let variant = || Class {
        aws: class.aws.copy(),
        lab: class.lab.clone(),
        students: class.students.clone(),
        desired: class.desired.clone(),
        recorded: class.recorded.lock().unwrap().clone().into(),
    };

    let gone = variant();
    let cloud = gone.aws.backdoor().await;
    cloud.delete_log_group(group).await.unwrap();
    judge(&gone, "is not there").await;

    let off = variant();
    let cloud = off.aws.backdoor().await;
    cloud.delete_log_group(group).await.unwrap();
    off.aws.recreate_log_group(group);
    judge(&off, "has no events").await;

    let denied = variant();
    denied
        .aws
        .inject(Rule::on("logs:FilterLogEvents").fault(Fault::AccessDenied));
    judge(&denied, "AccessDenied").await;

    let rewritten = variant();
    let cloud = rewritten.aws.backdoor().await;
    cloud.delete_log_group(group).await.unwrap();
    rewritten.aws.recreate_log_group(group);
    rewritten.aws.log("user1-trigger-workflow", "hello");
    change(&rewritten, "user1-trigger-workflow").await;
    judge(&rewritten, "user1-trigger-workflow is not as deployed").await;

    let late = variant();
    tokio::time::advance(Duration::from_secs(8 * 24 * 60 * 60)).await;
    judge(&late, "keeps its events for 7 days only").await;
}

/// A student's trigger as homeroom made it, to be put back.
async fn deployed_code(class: &Class) -> Code {
    let functions = &class.desired.stacks[0].functions;
    let trigger = functions
        .iter()
        .find(|f| f.name == "user1-trigger-workflow");
    trigger.unwrap().code.clone()
}

/// Executions with the API's names, and lines of the trigger's that say that it started them.
async fn forge(class: &Class, from: usize) {
    for (n, data) in ["sales_data", "customer_data", "inventory_data"]
        .iter()
        .enumerate()
    {
        let name = format!("api-forged-{}", from + n);
        class
            .start(&name, &json!({"userId": "u", "dataType": data}))
            .await;
        let line = json!({"level": "INFO", "message": "execution started", "execution": name});
        class.aws.log("user1-trigger-workflow", &line.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn lines_of_a_trigger_that_was_rewritten_and_put_back_prove_nothing() {
    let class = Class::deployed(2).await;
    let trigger = "user1-trigger-workflow";
    tokio::time::advance(Duration::from_secs(60 * 60)).await;
    change(&class, trigger).await;
    forge(&class, 0).await;
    let cloud = class.aws.backdoor().await;
    let code = deployed_code(&class).await;
    cloud.update_function_code(trigger, &code).await.unwrap();
    settle().await;
    // Known where homeroom's own writes are, and where they are not.
    for (cache, said) in [
        (class.empty_cache(), "after homeroom had last written it"),
        (class.foreign_cache(), "no record of who did that"),
    ] {
        let (read, _) = class.read(cache).await;
        let text = evidence(&read, "api-valid-data");
        assert_eq!(
            verdict(&read, "api-valid-data"),
            Verdict::CouldNotCheck,
            "{text}"
        );
        assert!(text.contains(said), "{text}");
    }
    let (read, _) = class.read(class.empty_cache()).await;
    let changes = &read.students[0].changes;
    assert_eq!(changes[0].resource, format!("Lambda function {trigger}"));
    assert!(changes[0].summary.ends_with("is as deployed now"));
    assert_eq!(read.students[1].changes, []);
    // What its code, as deployed, logs of later executions is true again.
    for data in ["sales_data", "customer_data", "inventory_data"] {
        class.post("u", data).await;
    }
    settle().await;
    let (read, _) = class.read(class.empty_cache()).await;
    let text = evidence(&read, "api-valid-data");
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::Pass, "{text}");
    assert!(text.contains("is as deployed now"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_reset_or_another_setting_makes_no_forged_line_true() {
    let class = Class::deployed(1).await;
    let trigger = "user1-trigger-workflow";
    change(&class, trigger).await;
    forge(&class, 0).await;
    settle().await;
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::CouldNotCheck);
    class.deploy_with(true).await;
    let (read, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::CouldNotCheck);

    // A handler, a layer or a variable changes what runs as well, and with it the time.
    let other = Class::deployed(1).await;
    forge(&other, 0).await;
    settle().await;
    let layer = json!(["arn:aws:lambda:us-east-1:1:layer:forge:1"]);
    other.aws.set_of_function(trigger, "Layers", layer);
    other.aws.set_of_function(trigger, "Layers", json!([]));
    let (read, _) = other.read(other.empty_cache()).await;
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::CouldNotCheck);
}

#[tokio::test(start_paused = true)]
async fn what_was_proven_before_a_change_of_the_trigger_stays_proven() {
    let class = Class::deployed(1).await;
    class.work().await;
    settle().await;
    let (before, _) = class.read(class.empty_cache()).await;
    change(&class, "user1-trigger-workflow").await;
    // Nobody had read it: the log may have been written by anything.
    let (late, _) = class.read(class.empty_cache()).await;
    assert_eq!(verdict(&late, "api-valid-data"), Verdict::CouldNotCheck);
    assert_eq!(verdict(&late, "console-test"), Verdict::Pass);
    let (read, _) = class.read(before.cache).await;
    let text = evidence(&read, "api-valid-data");
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::Pass, "{text}");
    assert!(
        text.contains("user1-trigger-workflow is not as deployed"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_between_two_readings_leaves_honest_starts_proven() {
    let mut class = Class::deployed(1).await;
    class.work().await;
    // The instructor mends the lab, for everybody.
    for function in &mut class.desired.stacks[0].functions {
        function.timeout_s += 1;
    }
    class.deploy().await;
    settle().await;
    let (read, _) = class.read(class.empty_cache()).await;
    let text = evidence(&read, "api-valid-data");
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::Pass, "{text}");
    assert_eq!(read.students[0].changes, []);

    // On another computer starts that are old enough count.
    let foreign = Class::deployed(1).await;
    tokio::time::advance(Duration::from_secs(16 * 60)).await;
    foreign.work().await;
    settle().await;
    let (read, _) = foreign.read(foreign.foreign_cache()).await;
    assert_eq!(verdict(&read, "api-valid-data"), Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn log_events_of_homerooms_validation_prove_nothing_of_the_student() {
    let class = Class::deployed(1).await;
    class
        .start("console-test-1", &json!({"userId": "u", "dataType": "d"}))
        .await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let records = class.validate().await;
    settle().await;
    let (read, _) = class.read(records).await;
    let logs = check(&read.students[0], "results-and-logs");
    assert_eq!(logs.verdict, Verdict::Fail, "{logs:?}");
    let text = &logs.evidence.last().unwrap().text;
    assert!(
        text.contains("trigger_workflow") && !text.contains("process_data"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_names_the_execution_counts_whatever_ran_beside_it() {
    let class = Class::deployed(1).await;
    let (validated, posted) = tokio::join!(class.validate(), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        class.post("u", "sales_data").await
    });
    settle().await;
    let (read, _) = class.read(validated).await;
    let logs = check(&read.students[0], "results-and-logs");
    assert_eq!(logs.verdict, Verdict::Pass, "{logs:?}");
    for evidence in &logs.evidence {
        let execution = evidence.execution.as_ref().unwrap();
        assert_eq!(execution.execution.arn, posted);
        assert!(evidence.text.ends_with("names it"), "{evidence:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_name_nothing_beside_homerooms_could_not_be_checked() {
    let class = Class::deployed(1).await;
    class.aws.name_no_executions_in_logs();
    let (validated, _) = tokio::join!(class.validate(), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        class
            .start("console-test-1", &json!({"userId": "u", "dataType": "d"}))
            .await
    });
    settle().await;
    let (read, _) = class.read(validated).await;
    let text = evidence(&read, "results-and-logs");
    assert_eq!(
        verdict(&read, "results-and-logs"),
        Verdict::CouldNotCheck,
        "{text}"
    );
    assert!(text.contains("ran at the same time"), "{text}");

    // Alone, the time ties them to it.
    let alone = Class::deployed(1).await;
    alone.aws.name_no_executions_in_logs();
    alone.post("u", "sales_data").await;
    settle().await;
    let (read, _) = alone.read(alone.empty_cache()).await;
    let text = evidence(&read, "results-and-logs");
    assert_eq!(verdict(&read, "results-and-logs"), Verdict::Pass, "{text}");
    assert!(text.contains("while it ran"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_names_anothers_execution_is_not_looked_at() {
    let class = Class::deployed(2).await;
    let neighbour = class
        .desired
        .scope
        .execution_arn("user2-simple-workflow", "secret");
    let cloud = class.aws.backdoor().await;
    let machine = class
        .desired
        .scope
        .state_machine_arn("user2-simple-workflow");
    cloud
        .start_execution(&machine, "secret", "{\"pin\": \"sesame\"}")
        .await
        .unwrap();
    let other_account = neighbour.replace(ACCOUNT, "999999999999");
    for named in [
        neighbour.as_str(),
        &neighbour.replace("user2", "user1").replace("secret", "a:b"),
        &neighbour.replace("user2-simple-workflow", "user1-simple-workflow-2"),
        &other_account.replace("user2", "user1"),
        "no ARN at all",
        "",
    ] {
        class.aws.answer_with(named);
        class.aws.clear_calls();
        let (results, recorded) = class.validate_one(0).await;
        let probe = results.iter().find(|r| r.id == "api-good-input").unwrap();
        assert_eq!(probe.verdict, Verdict::Fail, "{named}: {probe:?}");
        assert!(
            probe.evidence[0]
                .text
                .contains("no execution of this student's"),
            "{probe:?}"
        );
        assert_eq!(probe.evidence[0].execution, None);
        assert!(!recorded.executions.contains(named), "{recorded:?}");
        let asked = class.aws.calls();
        let of_named = |call: &&strict_aws::Call| !named.is_empty() && call.resource == named;
        assert_eq!(asked.iter().filter(of_named).count(), 0, "{named}");
        // The neighbour's own validation goes on as ever.
        assert!(!results.iter().any(|r| format!("{r:?}").contains("sesame")));
    }
}
