//! The command line as it is typed: verbs and options.
//!
//! The options of every verb are [`GlobalOptions`]: each can also come from a variable or from `homeroom.toml`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;

use crate::error::Result;
use crate::events::Command;
use crate::ids::ClassName;
use crate::options::{
    ClassSettings, GlobalOptions, ProcessContext, SecretUrl, StudentSettings, Ui, asked_log_file,
    invalid,
};
use crate::text::moment::moment;

const EXAMPLES: &str = "\
A class day, from the first look to the last:
  homeroom rehearse                             try it all, without an AWS account
  homeroom init                                 write a roster and settings to fill in
  homeroom plan --profile training              see what deploy would do
  homeroom deploy --profile training            give every student a stack
  homeroom access grant --profile training      give every student a user for it
  homeroom validate --profile training          prove that every stack works
  homeroom status --profile training            see who has completed the lab
  homeroom report --profile training            write the report to reports/
  homeroom watch --profile training             show it on a page that renews itself
  homeroom teardown --profile training          see what would be deleted, and confirm it

Exit codes:
  0 done   1 error   2 usage, roster or lab invalid   3 some students failed   4 nobody selected
  5 something remains after a teardown   6 the plan has changes   7 refused for safety
  130 interrupted

Options win over HOMEROOM_* variables, which win over homeroom.toml: that in the current folder,
else beside the roster, else in a folder above it.";

/// What the short help says of the [`GlobalOptions`], which only the long one lists.
const OF_EVERY_VERB: &str =
    "Every verb: --profile, --region, --roster, --students, --output … (--help-all)";

/// The flags for help. A verb's `--help` shows its own options; `--help-all`, as `homeroom help VERB`, every option.
fn help_flags() -> [Arg; 2] {
    let flag = |long| Arg::new(long).long(long).global(true).display_order(900);
    [
        flag("help")
            .short('h')
            .action(ArgAction::HelpShort)
            .help("Print help"),
        flag("help-all")
            .action(ArgAction::HelpLong)
            .help("Print all help, with every option"),
    ]
}

/// Names the options of every verb in a verb's short help, and in those of the verbs below it.
fn named_in_short_help(verb: clap::Command) -> clap::Command {
    let examples = verb.get_after_help().cloned().unwrap_or_default();
    verb.after_help(format!("{OF_EVERY_VERB}\n\n{examples}"))
        .after_long_help(examples)
        .mut_subcommands(named_in_short_help)
}

/// One isolated AWS lab stack for every student of a class: deploy them all, prove that they work, see who
/// has completed the lab, and take everything down again.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "homeroom",
    version,
    after_help = format!("{OF_EVERY_VERB}\n\n{EXAMPLES}"),
    after_long_help = EXAMPLES,
    arg_required_else_help = true,
    disable_help_flag = true,
    args = help_flags(),
    mut_subcommands = named_in_short_help,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Options of every verb.
    #[command(flatten)]
    pub global: GlobalOptions,
}

impl Cli {
    /// The settings of a verb about a class, for this process in its current folder.
    ///
    /// # Errors
    ///
    /// [`crate::error::Exit::Invalid`]: a value that cannot be used, options that contradict each other, no roster or
    /// more than one to choose from.
    pub fn settings(&self) -> Result<ClassSettings> {
        self.settings_in(&ProcessContext::look(&self.global))
    }

    fn settings_in(&self, process: &ProcessContext<'_>) -> Result<ClassSettings> {
        let rehearses = matches!(self.verb, Verb::Rehearse(_));
        let mut settings = ClassSettings::resolve(&self.global, rehearses, process)?;
        settings.left = self.verb.is_about_leavers();
        self.verb.check_choice(&settings)?;
        Ok(settings)
    }

    /// The settings of a student's own look.
    ///
    /// # Errors
    ///
    /// [`crate::error::Exit::Invalid`]: a value that cannot be used, options that contradict each other.
    pub(crate) fn student_settings(&self) -> Result<StudentSettings> {
        StudentSettings::resolve(&self.global, &ProcessContext::look(&self.global))
    }

    /// The settings of a verb that can do without a roster.
    ///
    /// # Errors
    ///
    /// As [`Self::settings`], but for the roster.
    pub(crate) fn settings_without_roster(&self) -> Result<ClassSettings> {
        ClassSettings::resolve_without_roster(&self.global, &ProcessContext::look(&self.global))
    }

    pub(crate) fn ui(&self) -> Ui {
        Ui::resolve(&self.global, &ProcessContext::look(&self.global))
    }

    pub(crate) fn log_file(&self) -> Option<PathBuf> {
        asked_log_file(&self.global, &ProcessContext::look(&self.global))
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Begin a class here: write a roster to fill in, homeroom.toml and .gitignore
    ///
    /// On a terminal, asks for the class's name, the profile and the region. Elsewhere, and with --yes, takes the
    /// folder's name and what AWS's own configuration says. `homeroom plan --local` takes the files as they are. If one of
    /// them is there already, writes nothing.
    #[command(after_help = "\
Examples:
  homeroom init
  homeroom init spring-lab6 --yes --profile training --region eu-west-1")]
    Init(InitArgs),
    /// Try the whole class day on the embedded cloud, without an AWS account
    ///
    /// Starts the embedded cloud, plans, deploys, validates, lets a few scripted students work (some complete
    /// the lab, some half of it, some nothing), writes the report, tears down, proves that nothing is left, and
    /// stops the cloud. Says where the report is.
    Rehearse(RehearseArgs),
    /// Show what deploy would do; changes nothing
    ///
    /// Per student and in total: what would be created or updated, what is kept because the student changed
    /// it, and whether the account has room for it (roles, APIs).
    Plan(PlanArgs),
    /// Make it so: create and update the stacks of all students at once
    ///
    /// One student's failure never stops another's. Run it again and it finishes what is missing and touches
    /// nothing else. What a student changed is kept, unless --reset says otherwise.
    #[command(after_help = "\
Examples:
  homeroom deploy --profile training
  homeroom deploy --profile training --section A
  homeroom deploy --profile training --students user5 --reset")]
    Deploy(DeployArgs),
    /// Prove that every stack works
    ///
    /// Every resource is there, active and as deployed; good input succeeds through the API and by a direct
    /// execution; the lab's error exercise fails as it should; malformed input is answered 400; log events arrive.
    ///
    /// With --isolation it proves instead that every student reaches their own stack and no neighbour's: by harmless
    /// calls with the students' own keys where `access grant --access-keys` left some here, else by IAM's policy
    /// simulator.
    Validate(ValidateArgs),
    /// Show who is complete, in progress, not started or broken
    Status(StatusArgs),
    /// Write the class report: one HTML file, a page a student, CSV and JSON beside it
    #[command(after_help = "\
Examples:
  homeroom report --profile training
  homeroom report --profile training --anonymous                    for a projector
  homeroom report --profile training --gradebook canvas --canvas-export grades.csv --assignment 'Lab 6'")]
    Report(ReportArgs),
    /// Put the class's grades into another system's gradebook
    #[command(subcommand)]
    Grades(GradesVerb),
    /// Show the report on a page that renews itself while it is open
    ///
    /// Serves it to this machine alone, at the address that it prints, and reads the class again and again, no
    /// faster than AWS's quotas leave room for. While no browser has the page open nothing is read. Ctrl-C ends it.
    #[command(after_help = "\
Examples:
  homeroom watch --profile training
  homeroom watch --profile training --anonymous --interval 30       for a projector")]
    Watch(WatchArgs),
    /// Let students in: an IAM user each, for their own stack alone
    #[command(subcommand)]
    Access(AccessVerb),
    /// Write a page for each student: their tasks, names, links and commands
    ///
    /// As HTML and as Markdown, to send or to print, with what is this student's alone. Needs their stacks to be
    /// deployed. Passwords and keys are in it only when asked for.
    #[command(after_help = "\
Examples:
  homeroom handout --profile training
  homeroom handout --profile training --with-credentials            after `homeroom access grant`")]
    Handout(HandoutArgs),
    /// For students: show how you stand, with your own key
    ///
    /// Needs no roster. Your key tells who you are and which class you are in. Reads your own stack and changes
    /// nothing: your tasks, what is seen of each, the next step, and what is wrong. Your instructor's reading is the
    /// one that counts.
    #[command(after_help = "\
Examples:
  homeroom check                       with your key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
  homeroom check --profile lab         with the key in a profile of your AWS configuration
  homeroom check --lab ../our-lab      for another lab than the one built in")]
    Check,
    /// List what would be deleted, and delete it once confirmed
    ///
    /// Without --confirm, asks for the class's name on a terminal; elsewhere only lists. Only what is provably
    /// the class's own is ever deleted. Done means that a fresh listing is empty.
    #[command(after_help = "\
Examples:
  homeroom teardown --profile training                         list it, then type the class's name
  homeroom teardown --profile training --left                  only students who are no longer in the roster
  homeroom teardown --profile training --confirm spring-lab6   the same without the question")]
    Teardown(TeardownArgs),
    /// List the classes that homeroom has in this account and region; changes nothing
    ///
    /// In a folder with places it looks at every place. Needs no roster and no lab: class, lab, students, when it was made,
    /// and when it ends. Asks for listings alone.
    Classes,
    /// Tear down the classes whose end has passed, for cron or CI
    ///
    /// Needs no roster. Without --confirm only lists them. Touches only classes of this account and region all of whose
    /// roles and users say (tag homeroom:until) that the class is over. Each is torn down as `teardown` does it, after a
    /// final report by usernames.
    #[command(after_help = "\
Examples:
  homeroom sweep --profile training                       list what is over
  homeroom sweep --profile training --confirm             and tear it down
  homeroom sweep --lab our-lab --confirm                  classes of a lab of one's own")]
    Sweep(SweepArgs),
    /// Look for what would be in the way, before a class day; changes nothing
    ///
    /// Who you are, which account and region, what you may do there, whether there is room for the class, and what this
    /// machine needs: a line each, with the fix beneath. Works without a roster, too. With --local it looks at this machine
    /// alone.
    #[command(after_help = "\
Examples:
  homeroom doctor --profile training
  homeroom doctor --local                           this machine alone, without a network
  homeroom doctor --policy --account 123456789012   the least IAM policy that you need")]
    Doctor(DoctorArgs),
    /// Start, stop or look at the embedded cloud
    ///
    /// An AWS of this machine alone, for --local. It goes on running when the command ends.
    #[command(subcommand)]
    Local(LocalVerb),
    /// Write a lab of one's own: check it without any account, or begin with a small one
    #[command(subcommand)]
    Lab(LabVerb),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples; after an update, once more:
  homeroom completions bash > ~/.local/share/bash-completion/completions/homeroom
  homeroom completions fish > ~/.config/fish/completions/homeroom.fish
  echo 'source <(homeroom completions zsh)' >> ~/.zshrc")]
    Completions(CompletionsArgs),
    /// Write the manual pages to a folder
    #[command(
        hide = true,
        after_help = "\
Example:
  homeroom man ~/.local/share/man/man1"
    )]
    Man(ManArgs),
}

impl Verb {
    /// Whether `--students` may name students who left the roster: the verb does something about them, or refuses them
    /// with a reason.
    pub(crate) fn reaches_leavers(&self) -> bool {
        match self {
            Self::Access(verb) => *verb != AccessVerb::Slips,
            verb => matches!(verb, Self::Teardown(_)),
        }
    }

    /// Whether the verb is about all students who left the roster, and nobody else.
    pub(crate) fn is_about_leavers(&self) -> bool {
        match self {
            Self::Teardown(args) => args.left,
            Self::Access(AccessVerb::Revoke(args)) => args.left,
            Self::Access(AccessVerb::Freeze(args)) => args.left,
            _ => false,
        }
    }

    /// Refuses options for some students that would hit the whole class, and two choices of students at once.
    fn check_choice(&self, settings: &ClassSettings) -> Result<()> {
        let everybody = settings.students.is_empty();
        match self {
            Self::Deploy(args) if args.reset && everybody => Err(invalid(
                "--reset",
                "it puts back what students changed, and would do so for the whole class",
                "name the students whose changes are to be lost: --reset --students user1,user5",
            )),
            Self::Access(AccessVerb::Grant(args)) if args.rotate && everybody => Err(invalid(
                "--rotate",
                "it would take the whole class's passwords away while they may be at work",
                "name the students who need new ones: --rotate --students user7",
            )),
            verb if verb.is_about_leavers() && (!everybody || settings.section.is_some()) => {
                let option = match everybody {
                    true => "--section",
                    false => "--students",
                };
                let cause = format!(
                    "it chooses everybody who left the roster, and {option} chooses others"
                );
                let hint = format!(
                    "leave one of the two out ({option} may also come from a variable or homeroom.toml)"
                );
                Err(invalid("--left", cause, hint))
            }
            _ => Ok(()),
        }
    }

    /// The verb as events and summaries name it; `None` for verbs that are not about a class.
    pub fn command(&self) -> Option<Command> {
        Some(match self {
            Self::Rehearse(_) => Command::Rehearse,
            Self::Plan(_) => Command::Plan,
            Self::Deploy(_) => Command::Deploy,
            Self::Validate(_) => Command::Validate,
            Self::Status(_) => Command::Status,
            Self::Report(_) => Command::Report,
            Self::Watch(_) => Command::Watch,
            Self::Access(verb) => verb.command(),
            Self::Handout(_) => Command::Handout,
            Self::Grades(GradesVerb::Push(_)) => Command::GradesPush,
            Self::Classes => Command::Classes,
            Self::Sweep(_) => Command::Sweep,
            Self::Check => Command::Check,
            Self::Doctor(_) => Command::Doctor,
            Self::Teardown(_) => Command::Teardown,
            Self::Init(_) | Self::Lab(_) | Self::Local(_) | Self::Completions(_) | Self::Man(_) => {
                return None;
            }
        })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct InitArgs {
    /// The class's name [default: the folder's]
    #[arg(value_name = "CLASS")]
    pub(crate) name: Option<ClassName>,
    /// Ask nothing
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RehearseArgs {
    /// Leave the class up and the embedded cloud running, to look around
    #[arg(long)]
    pub(crate) keep: bool,
    /// Put AWS's request quotas, delays and conflicts in front of the embedded cloud
    #[arg(long, conflicts_with = "keep")]
    pub(crate) strict: bool,
    /// With --strict: how many times faster than AWS
    #[arg(long, value_name = "N", requires = "strict", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) scale: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct DoctorArgs {
    /// Print the least IAM policy for this lab, account and region as JSON, and nothing else
    #[arg(long)]
    pub(crate) policy: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PlanArgs {
    /// Exit with code 6 when there is something to do
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct DeployArgs {
    /// Undo what the students changed, and keep a copy of it (needs --students)
    #[arg(long)]
    pub(crate) reset: bool,
    /// Deploy although fewer functions may run at once in the account than there are students
    #[arg(long)]
    pub(crate) ignore_concurrency: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ValidateArgs {
    /// Prove that no student reaches another's stack (needs `access grant` before)
    #[arg(long)]
    pub isolation: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct StatusArgs {
    /// Show only students in these states (several with commas); the counts stay the class's
    #[arg(long, value_name = "STATES", value_delimiter = ',')]
    pub(crate) state: Vec<StateChoice>,
    /// Show it as it stood then, by the times of executions: a time with its zone, as in 2026-05-14T18:00:00+02:00
    #[arg(long, value_name = "TIME", value_parser = past)]
    pub(crate) at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) attest: AttestArgs,
}

/// A time that is over, with its zone.
fn past(text: &str) -> std::result::Result<Timestamp, String> {
    let at = moment(text).map_err(|refused| refused.in_full())?;
    match at > Timestamp::now() {
        true => Err("is in the future; give a time that is over".to_owned()),
        false => Ok(at),
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct AttestArgs {
    /// A CSV file of what you saw and nothing can prove: columns username,check and perhaps note,by,when
    #[arg(long, value_name = "FILE")]
    pub(crate) attest: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ReportArgs {
    /// Write report-anonymous.html too: pseudonyms, and nothing that tells who somebody is
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Fill in a gradebook of another system too
    #[arg(
        long,
        value_name = "SYSTEM",
        requires_ifs = [("canvas", "canvas_export"), ("moodle", "moodle_export"), ("moodle", "points_possible")],
        requires = "assignment"
    )]
    pub(crate) gradebook: Option<GradebookSystem>,
    /// The gradebook as Canvas exported it (Grades, Export, Export Entire Gradebook)
    #[arg(long, value_name = "FILE", requires = "gradebook")]
    pub(crate) canvas_export: Option<PathBuf>,
    /// The gradebook as Moodle exported it (Grades, Export, Plain text file)
    #[arg(long, value_name = "FILE", requires = "gradebook")]
    pub(crate) moodle_export: Option<PathBuf>,
    /// What the assignment is worth in Moodle, whose export does not say it
    #[arg(long, value_name = "POINTS", requires = "moodle_export")]
    pub(crate) points_possible: Option<String>,
    /// The assignment to fill in, as Canvas (with or without its number in brackets) or Moodle calls it
    #[arg(long, value_name = "NAME", requires = "gradebook")]
    pub(crate) assignment: Option<String>,
    /// Lower grades, too, where the gradebook has more points than the lab gives; otherwise they stay
    #[arg(long, requires = "gradebook")]
    pub(crate) lower: bool,
    /// Give late work its points, too; otherwise work that was begun after the due time gives none
    #[arg(long, requires = "gradebook")]
    pub(crate) count_late: bool,
    /// Open the page in a browser
    #[arg(long)]
    pub(crate) open: bool,
    #[command(flatten)]
    pub(crate) attest: AttestArgs,
}

/// States of students to choose by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateChoice {
    /// Needs somebody, whatever else they are
    Stuck,
    /// Everything that can be proven is
    Complete,
    /// Some of their tasks are done
    InProgress,
    /// None of them is
    NotStarted,
    /// Nothing of their stack is there
    NotDeployed,
    /// Something of it is there, and is not as it must be
    Broken,
    /// Something could not be checked
    Unknown,
}

/// Systems whose gradebooks can be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GradebookSystem {
    /// Canvas LMS: writes gradebook-canvas.csv, to be imported there
    Canvas,
    /// Moodle: writes gradebook-moodle.csv, to be imported there
    Moodle,
}

/// What to do with grades.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum GradesVerb {
    /// Write the grades that changed to an assignment, over the system's API
    ///
    /// Reads the class and the gradebook, and lists each grade that would change. Without --confirm, asks for the
    /// course's number on a terminal; elsewhere only lists. Whose row is whose, and what stays as it is, follows the
    /// rules of `report --gradebook canvas`. Reads every grade back that it wrote.
    ///
    /// The token comes from the variable CANVAS_TOKEN or from --token-file, never from an argument. The address comes
    /// from --canvas-url, the variable CANVAS_URL or the key canvas-url in homeroom.toml.
    #[command(after_help = "\
Examples, for the assignment at https://canvas.example.edu/courses/12/assignments/345:
  homeroom grades push canvas --course 12 --assignment 345 --profile training
  homeroom grades push canvas --course 12 --assignment 345 --profile training --confirm 12")]
    Push(PushArgs),
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PushArgs {
    /// The system
    pub(crate) system: GradeApi,
    /// The course's number
    #[arg(long, value_name = "ID")]
    pub(crate) course: u64,
    /// The assignment's number
    #[arg(long, value_name = "ID")]
    pub(crate) assignment: u64,
    /// The system's address [default: CANVAS_URL, then canvas-url in homeroom.toml]
    #[arg(long, value_name = "URL")]
    pub(crate) canvas_url: Option<SecretUrl>,
    /// A file with the token, which only you can read (mode 0600) [default: the variable CANVAS_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Write without asking; ID is the course's number, as a safeguard
    #[arg(long, value_name = "ID")]
    pub(crate) confirm: Option<u64>,
    /// Lower grades, too, where the gradebook has more points than the lab gives; otherwise they stay
    #[arg(long)]
    pub(crate) lower: bool,
    /// Give late work its points, too; otherwise work that was begun after the due time gives none
    #[arg(long)]
    pub(crate) count_late: bool,
    #[command(flatten)]
    pub(crate) attest: AttestArgs,
}

/// Systems that grades can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GradeApi {
    /// Canvas LMS
    Canvas,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct WatchArgs {
    /// Seconds from one reading to the next, at least; of a large class, those who work now are read first
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    pub(crate) interval: u64,
    /// Port on this machine [default: the class's own, or the next free one]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Open the page in a browser
    #[arg(long)]
    pub(crate) open: bool,
    /// Let other machines reach the page, at this address of this machine (0.0.0.0: all of them)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::IpAddr>,
    /// Show pseudonyms, and nothing that tells who somebody is
    #[arg(long)]
    pub(crate) anonymous: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct HandoutArgs {
    /// Put each student's password, and access key if there is one, on their page
    #[arg(long)]
    pub(crate) with_credentials: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct TeardownArgs {
    /// Delete without asking; CLASS is the class's name, as a safeguard
    #[arg(long, value_name = "CLASS")]
    pub(crate) confirm: Option<String>,
    /// Only students who are no longer in the roster, all of them
    #[arg(long)]
    pub(crate) left: bool,
    /// Delete without a last reading and without a final report
    #[arg(long)]
    pub(crate) no_final_report: bool,
    /// Whether `sweep` asks for it, with a roster made of tags and nobody who could stop it
    #[arg(skip)]
    pub(crate) swept: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct SweepArgs {
    /// Delete what is listed
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Delete without a last reading and without a final report; also what needs a lab that is not here
    #[arg(long)]
    pub(crate) no_final_report: bool,
}

/// What to do with students' access.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AccessVerb {
    /// Give every student an IAM user with a console password
    ///
    /// Passwords (and with --access-keys a key pair each) are written once, to files that only you can read. Run it
    /// again and it changes nothing but what is missing. Users that are not this class's are never touched.
    #[command(after_help = "\
Examples:
  homeroom access grant --profile training
  homeroom access grant --profile training --access-keys            for students who use the AWS CLI
  homeroom access grant --profile training --rotate --students user7    new ones for one student")]
    Grant(GrantArgs),
    /// Delete the users with all they have: passwords, keys, policies, MFA devices, groups
    ///
    /// The stacks stay. Without --confirm, asks for the class's name on a terminal; elsewhere only lists.
    Revoke(RevokeArgs),
    /// Shut students out at once, for example at the end of an exam; nothing is lost
    Freeze(FreezeArgs),
    /// Let students in again after a freeze, with what they had
    Thaw,
    /// Write slips of paper to sign in with, to print and cut out, and a table for a mail merge
    ///
    /// Both in the roster's order, in files that only you can read, beside the credentials that `access grant` left on this
    /// machine. They hold passwords: hand each slip to its student alone.
    Slips,
}

impl AccessVerb {
    /// The verb as events and summaries name it.
    pub fn command(&self) -> Command {
        match self {
            Self::Grant(_) => Command::AccessGrant,
            Self::Revoke(_) => Command::AccessRevoke,
            Self::Freeze(_) => Command::AccessFreeze,
            Self::Thaw => Command::AccessThaw,
            Self::Slips => Command::AccessSlips,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct GrantArgs {
    /// Give a key pair for the AWS CLI, too
    #[arg(long)]
    pub(crate) access_keys: bool,
    /// Replace the credentials that they have by new ones (needs --students)
    #[arg(long)]
    pub(crate) rotate: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RevokeArgs {
    /// Delete without asking; CLASS is the class's name, as a safeguard
    #[arg(long, value_name = "CLASS")]
    pub(crate) confirm: Option<String>,
    /// Only students who are no longer in the roster, all of them
    #[arg(long)]
    pub(crate) left: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct FreezeArgs {
    /// Only students who are no longer in the roster, all of them
    #[arg(long)]
    pub(crate) left: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum LabVerb {
    /// Say everything that is wrong with a lab, without any account
    ///
    /// Reads the lab in DIR (else the lab that --lab names, the one in the current folder, the one that comes with homeroom),
    /// fills it in for a student who is not there, and checks it as deploy would. Asks AWS nothing.
    Check(LabCheckArgs),
    /// Write a small working lab, with comments, into a new folder
    #[command(after_help = "\
Example:
  homeroom lab new my-lab && homeroom lab check my-lab && homeroom rehearse --lab my-lab")]
    New(LabNewArgs),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct LabCheckArgs {
    /// The folder that holds templates/ and lambdas/
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct LabNewArgs {
    /// The folder to make; it must not be there yet, or be empty
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum LocalVerb {
    /// Start it, and install it first where it is missing
    Start,
    /// Stop it; what is in it stays on disk
    Stop(LocalStopArgs),
    /// Say whether it runs, and where
    Status,
    /// Print what a shell needs to reach it with the AWS CLI or an SDK
    #[command(after_help = "\
Example:
  eval \"$(homeroom local env)\"
  aws lambda list-functions")]
    Env,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct LocalStopArgs {
    /// Delete everything that is in it
    #[arg(long)]
    pub(crate) wipe: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ManArgs {
    /// The folder; made if it is missing
    pub(crate) folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;
    use crate::error::Exit;
    use crate::options::tests::Around;

    fn parse(words: &str) -> std::result::Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("homeroom").chain(words.split_whitespace()))
    }

    fn resolve(around: &Around<'_>, words: &str) -> Result<ClassSettings> {
        around.with(|process| parse(words).expect(words).settings_in(process))
    }

    fn settings(around: &Around<'_>, words: &str) -> ClassSettings {
        resolve(around, words).expect(words)
    }

    fn refused(around: &Around<'_>, words: &str) -> String {
        let error = resolve(around, words).expect_err(words);
        assert_eq!(error.exit, Exit::Invalid, "{error}");
        error.to_string()
    }

    fn help(words: &str) -> String {
        let words = std::iter::once("homeroom").chain(words.split_whitespace());
        let asked = Cli::command().term_width(100).try_get_matches_from(words);
        asked.expect_err("no help").to_string()
    }

    #[test]
    fn a_mistyped_state_is_refused_with_the_one_that_was_meant() {
        let parsed = |states: &str| Cli::try_parse_from(["homeroom", "status", "--state", states]);
        let Some(Verb::Status(args)) = parsed("stuck,not-started").ok().map(|cli| cli.verb) else {
            panic!("two states");
        };
        assert_eq!(args.state, [StateChoice::Stuck, StateChoice::NotStarted]);
        let error = parsed("stuk").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(
            error
                .to_string()
                .contains("a similar value exists: 'stuck'"),
            "{error}"
        );
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_reads_well() {
        insta::assert_snapshot!("help", help("--help"));
        insta::assert_snapshot!("help_deploy", help("deploy --help"));
        insta::assert_snapshot!("help_teardown", help("teardown --help"));
        insta::assert_snapshot!("help_report", help("report --help"));
        insta::assert_snapshot!("help_watch", help("watch --help"));
        insta::assert_snapshot!("help_grades_push", help("grades push --help"));
        insta::assert_snapshot!("help_handout", help("handout --help"));
        insta::assert_snapshot!("help_local", help("local --help"));
        insta::assert_snapshot!("help_access_grant", help("access grant --help"));
        insta::assert_snapshot!("help_all", help("deploy --help-all"));
    }

    #[test]
    fn help_before_a_verb_is_all_help_and_a_letter_is_the_short_one() {
        for verb in ["deploy", "grades push", "local"] {
            let all = help(&format!("{verb} --help-all"));
            assert_eq!(help(&format!("help {verb}")), all);
            assert!(all.contains("[env: HOMEROOM_LOG_FILE]"), "{all}");
            assert!(!all.contains(OF_EVERY_VERB), "{all}");
            let short = help(&format!("{verb} --help"));
            assert_eq!(help(&format!("{verb} -h")), short);
            assert!(
                short.contains(OF_EVERY_VERB) && !short.contains("--log-file"),
                "{short}"
            );
        }
    }

    #[test]
    fn every_verb_parses_with_its_own_options() {
        let verbs = [
            (
                "rehearse --keep",
                Verb::Rehearse(RehearseArgs {
                    keep: true,
                    strict: false,
                    scale: 1,
                }),
            ),
            ("plan --exit-code", Verb::Plan(PlanArgs { exit_code: true })),
            ("doctor --policy", Verb::Doctor(DoctorArgs { policy: true })),
            (
                "deploy --reset",
                Verb::Deploy(DeployArgs {
                    reset: true,
                    ..DeployArgs::default()
                }),
            ),
            ("validate", Verb::Validate(ValidateArgs::default())),
            (
                "validate --isolation",
                Verb::Validate(ValidateArgs { isolation: true }),
            ),
            ("status", Verb::Status(StatusArgs::default())),
            (
                "report --attest seen.csv",
                Verb::Report(ReportArgs {
                    attest: AttestArgs {
                        attest: Some("seen.csv".into()),
                    },
                    ..ReportArgs::default()
                }),
            ),
            (
                "report --anonymous --gradebook canvas --canvas-export g.csv --assignment x",
                Verb::Report(ReportArgs {
                    anonymous: true,
                    gradebook: Some(GradebookSystem::Canvas),
                    canvas_export: Some("g.csv".into()),
                    assignment: Some("x".to_owned()),
                    ..ReportArgs::default()
                }),
            ),
            (
                "report --gradebook moodle --moodle-export g.csv --points-possible 10 --assignment x",
                Verb::Report(ReportArgs {
                    gradebook: Some(GradebookSystem::Moodle),
                    moodle_export: Some("g.csv".into()),
                    points_possible: Some("10".to_owned()),
                    assignment: Some("x".to_owned()),
                    ..ReportArgs::default()
                }),
            ),
            (
                "grades push canvas --course 12 --assignment 345 --confirm 12 --lower",
                Verb::Grades(GradesVerb::Push(PushArgs {
                    system: GradeApi::Canvas,
                    course: 12,
                    assignment: 345,
                    canvas_url: None,
                    token_file: None,
                    confirm: Some(12),
                    lower: true,
                    count_late: false,
                    attest: AttestArgs::default(),
                })),
            ),
            (
                "watch --port 8080 --anonymous",
                Verb::Watch(WatchArgs {
                    interval: 60,
                    port: Some(8080),
                    anonymous: true,
                    open: false,
                    listen: None,
                }),
            ),
            (
                "handout --with-credentials",
                Verb::Handout(HandoutArgs {
                    with_credentials: true,
                }),
            ),
            (
                "teardown --confirm spring",
                Verb::Teardown(TeardownArgs {
                    confirm: Some("spring".to_owned()),
                    left: false,
                    no_final_report: false,
                    swept: false,
                }),
            ),
            (
                "access freeze --left",
                Verb::Access(AccessVerb::Freeze(FreezeArgs { left: true })),
            ),
            (
                "lab check my-lab",
                Verb::Lab(LabVerb::Check(LabCheckArgs {
                    dir: Some("my-lab".into()),
                })),
            ),
            (
                "lab new my-lab",
                Verb::Lab(LabVerb::New(LabNewArgs {
                    dir: "my-lab".into(),
                })),
            ),
            (
                "init spring --yes",
                Verb::Init(InitArgs {
                    name: "spring".parse().ok(),
                    yes: true,
                }),
            ),
            ("local start", Verb::Local(LocalVerb::Start)),
            (
                "local stop --wipe",
                Verb::Local(LocalVerb::Stop(LocalStopArgs { wipe: true })),
            ),
            ("local status", Verb::Local(LocalVerb::Status)),
            ("local env", Verb::Local(LocalVerb::Env)),
            (
                "completions zsh",
                Verb::Completions(CompletionsArgs { shell: Shell::Zsh }),
            ),
            (
                "man share/man1",
                Verb::Man(ManArgs {
                    folder: "share/man1".into(),
                }),
            ),
        ];
        for (words, verb) in verbs {
            assert_eq!(parse(words).expect(words).verb, verb, "{words}");
        }
    }

    #[test]
    fn global_options_go_before_or_after_the_verb() {
        let before = parse("--class spring --local -q local stop")
            .unwrap()
            .global;
        let between = parse("local --class spring --local -q stop")
            .unwrap()
            .global;
        let after = parse("local stop --class spring --local -q")
            .unwrap()
            .global;
        assert_eq!(before.class.as_ref().map(ClassName::as_str), Some("spring"));
        assert_eq!((before.local, before.quiet), (Some(true), Some(1)));
        assert_eq!(before, between);
        assert_eq!(before, after);
    }

    #[test]
    fn mistakes_exit_with_2_and_help_and_version_with_0() {
        for words in [
            "",
            "deplyo",
            "plan --nope",
            "plan --class no/slash",
            "plan --account 123",
            "plan --quota-scale 0",
            "plan --region nowhere",
            "plan --endpoint-url localhost",
            "plan --output yaml",
            "plan --color sometimes",
            "local",
            "completions",
            "teardown --confirm",
            "report --gradebook canvas",
            "report --gradebook canvas --canvas-export g.csv",
            "report --assignment x",
            "report --gradebook moodle --canvas-export g.csv --assignment x",
            "report --gradebook moodle --moodle-export g.csv --assignment x",
            "report --gradebook canvas --moodle-export g.csv --assignment x --points-possible 100",
            "report --gradebook blackboard --canvas-export g.csv --assignment x",
            "grades push canvas --course 12",
            "grades push canvas --course x --assignment 1",
            "watch --interval 1",
            "watch --port 70000",
        ] {
            assert_eq!(parse(words).expect_err(words).exit_code(), 2, "{words}");
        }
        for (words, kind) in [
            ("--help", ErrorKind::DisplayHelp),
            ("deploy -h", ErrorKind::DisplayHelp),
            ("--version", ErrorKind::DisplayVersion),
        ] {
            let shown = parse(words).expect_err(words);
            assert_eq!((shown.kind(), shown.exit_code()), (kind, 0), "{words}");
        }
    }

    #[test]
    fn every_global_option_that_is_shown_names_its_variable() {
        let command = Cli::command();
        for option in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let long = option.get_long().expect("a long name");
            if ["help", "help-all", "version"].contains(&long) {
                continue;
            }
            let variable = format!("[env: HOMEROOM_{}]", long.to_uppercase().replace('-', "_"));
            let help = option.get_help().expect("a help text").to_string();
            assert!(help.contains(&variable), "--{long}: {help}");
        }
    }

    #[test]
    fn left_chooses_by_itself_whatever_layer_another_choice_comes_from() {
        let around = Around::default();
        for verb in ["teardown", "access revoke", "access freeze"] {
            assert!(settings(&around, &format!("{verb} --left")).left, "{verb}");
            let refused = refused(&around, &format!("{verb} --left --students ana"));
            assert!(refused.contains("--students"), "{refused}");
        }
        assert!(!settings(&around, "teardown").left);
        let section = Around {
            env: &[("HOMEROOM_SECTION", "A")],
            ..Around::default()
        };
        assert!(refused(&section, "teardown --left").contains("--section"));
    }

    #[test]
    fn reset_needs_students() {
        let around = Around::default();
        assert!(refused(&around, "deploy --reset").starts_with("--reset"));
        refused(&around, "deploy --reset --section A");
        assert_eq!(
            settings(&around, "deploy --reset --students user1").students,
            ["user1"]
        );
        settings(&around, "deploy");
    }

    #[test]
    fn rotation_needs_students() {
        let around = Around::default();
        let said = refused(&around, "access grant --rotate");
        assert!(said.starts_with("--rotate"), "{said}");
        settings(&around, "access grant --rotate --students user7");
        settings(&around, "access grant");
    }

    #[test]
    fn as_of_a_time_takes_one_that_is_over_and_has_its_zone() {
        let at = |text: &str| {
            let words = ["homeroom", "status", "--at", text];
            Cli::try_parse_from(words).map_err(|error| error.to_string())
        };
        let Ok(Cli {
            verb: Verb::Status(args),
            ..
        }) = at("2026-05-14T18:00:00+02:00")
        else {
            panic!("a time that is over is taken");
        };
        assert_eq!(args.at, "2026-05-14T16:00:00Z".parse().ok());
        for (text, cause) in [
            (
                "2026-05-14T18:00:00",
                "has no time zone; write it, as in 2026-05-14",
            ),
            ("yesterday", "is no time with a time zone"),
            ("9998-01-01T00:00:00Z", "is in the future"),
        ] {
            let refused = at(text).expect_err(text);
            assert!(refused.contains(cause), "{refused}");
        }
    }
}
