//! A course's students and what they have for one assignment, as a gradebook.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::report::gradebook::{Cell, Gradebook, Number, Person, System};
use crate::text::failure::Failure;
use crate::text::unwanted::shown;

use super::api::Canvas;

/// An assignment, by its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) course: u64,
    pub(crate) assignment: u64,
}

impl Place {
    pub(super) fn path(self) -> String {
        format!(
            "/api/v1/courses/{}/assignments/{}",
            self.course, self.assignment
        )
    }
}

/// One assignment of a course, with everybody's grade.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) place: Place,
    pub(crate) gradebook: Gradebook,
    /// For each person of the gradebook, Canvas's number.
    pub(super) users: Vec<u64>,
    /// Whether students see a grade only once the instructor posts it.
    pub(crate) posted_by_hand: bool,
}

/// The fields that decide whether grades can be written (Canvas, "Assignments").
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Assignment {
    name: String,
    points_possible: Option<f64>,
    grading_type: String,
    published: Option<bool>,
    moderated_grading: bool,
    grades_published: bool,
    anonymize_students: bool,
    group_category_id: Option<u64>,
    grade_group_students_individually: bool,
    in_closed_grading_period: bool,
    post_manually: bool,
}

#[derive(Debug, Deserialize)]
struct User {
    id: u64,
    name: Option<String>,
    sortable_name: Option<String>,
    sis_user_id: Option<String>,
    login_id: Option<String>,
    email: Option<String>,
}

/// Canvas makes one for everybody to whom the assignment is assigned, before anything is handed in.
#[derive(Debug, Deserialize)]
struct Submission {
    user_id: u64,
    score: Option<f64>,
    /// The score before points are taken off for lateness: the one that is written.
    entered_score: Option<f64>,
    excused: Option<bool>,
    assignment_visible: Option<bool>,
}

impl Submission {
    fn cell(&self) -> Cell {
        // Not `grade`: that text is in the words and the decimals of a language.
        match self.entered_score.or(self.score) {
            _ if self.excused == Some(true) => Cell::Excused,
            _ if self.assignment_visible == Some(false) => Cell::NotAssigned,
            None => Cell::Empty,
            Some(score) => match Number::from_f64(score) {
                Some(number) => Cell::Points(number),
                None => Cell::Other(score.to_string()),
            },
        }
    }
}

impl Course {
    /// Reads an assignment, and refuses one that no grade may be written to.
    ///
    /// # Errors
    /// What Canvas refuses, or everything that speaks against the assignment.
    pub(crate) async fn read(canvas: &Canvas, place: Place) -> Result<Self, Vec<Failure>> {
        let one = |failure| vec![failure];
        let assignment: Assignment = canvas.get(&place.path()).await.map_err(one)?;
        let possible = judge(&assignment)?;
        let students = format!(
            "/api/v1/courses/{}/users?enrollment_type%5B%5D=student&enrollment_state%5B%5D=active\
             &enrollment_state%5B%5D=invited&include%5B%5D=email&per_page=100",
            place.course
        );
        let listed: Vec<User> = canvas.list(&students).await.map_err(one)?;
        // A list that changes while its pages are read can have somebody twice.
        let listed: BTreeMap<u64, User> = listed.into_iter().map(|user| (user.id, user)).collect();
        let cells = cells(canvas, place).await.map_err(one)?;
        let users = listed.keys().copied().collect();
        let people = listed.into_values().map(|user| {
            let text = |value: Option<String>| value.unwrap_or_default();
            Person {
                place: format!("ID {}", user.id),
                cells: vec![cells.get(&user.id).cloned().unwrap_or(Cell::NotAssigned)],
                name: user.sortable_name.or(user.name).unwrap_or_default(),
                logins: [user.sis_user_id, user.login_id, user.email]
                    .map(text)
                    .to_vec(),
                known: true,
                torn: false,
                // Canvas does not list its test student unless asked to.
                test: false,
            }
        });
        Ok(Self {
            place,
            gradebook: Gradebook {
                system: System::Canvas,
                title: assignment.name.clone(),
                possible,
                people: people.collect(),
            },
            users,
            posted_by_hand: assignment.post_manually,
        })
    }
}

/// What everybody has for the assignment, by Canvas's number.
pub(super) async fn cells(canvas: &Canvas, place: Place) -> Result<BTreeMap<u64, Cell>, Failure> {
    let path = format!(
        "{}/submissions?include%5B%5D=visibility&per_page=100",
        place.path()
    );
    let listed: Vec<Submission> = canvas.list(&path).await?;
    Ok(listed.iter().map(|one| (one.user_id, one.cell())).collect())
}

/// What the assignment is worth, or everything that speaks against writing grades to it.
fn judge(assignment: &Assignment) -> Result<Number, Vec<Failure>> {
    let name = shown(&assignment.name);
    let mut failures = Vec::new();
    let mut refuse = |cause: &str, hint: &str| {
        failures.push(Failure::new(format!("assignment {name}"), cause).hint(hint));
    };
    match assignment.grading_type.as_str() {
        "points" | "percent" => {}
        "not_graded" => refuse(
            "Canvas does not grade it",
            "choose another assignment, or set 'Display Grade as' to Points",
        ),
        // A scheme's names can be numbers, so that points would be read as a name.
        other => refuse(
            &format!(
                "its grades are shown as {}, and only points and percentages can be written for certain",
                shown(&other.replace('_', " "))
            ),
            "set 'Display Grade as' to Points, or import the file that `homeroom report` writes with --gradebook canvas",
        ),
    }
    let possible = assignment.points_possible.and_then(Number::from_f64);
    let possible = possible.filter(|number| number.is_positive());
    if possible.is_none() && assignment.grading_type != "not_graded" {
        refuse(
            "it is worth no points in Canvas, so no grade can be calculated",
            "give the assignment points in Canvas",
        );
    }
    if assignment.published == Some(false) {
        refuse(
            "it is not published, so Canvas takes no grades",
            "publish it in Canvas",
        );
    }
    if assignment.in_closed_grading_period {
        refuse(
            "it is due in a grading period that is closed, so Canvas takes no grades",
            "ask whoever runs this Canvas, or change its due date",
        );
    }
    if assignment.moderated_grading && !assignment.grades_published {
        refuse(
            "it is graded by more than one grader, and the final grades are not released",
            "release the grades in Canvas first",
        );
    }
    if assignment.anonymize_students {
        refuse(
            "it is graded anonymously, so Canvas does not say whose a grade is",
            "post the grades in Canvas, or switch anonymous grading off",
        );
    }
    if assignment.group_category_id.is_some() && !assignment.grade_group_students_individually {
        refuse(
            "it is graded by group: one student's grade would go to the whole group",
            "tick 'Assign Grades to Each Student Individually' in Canvas",
        );
    }
    match possible {
        Some(possible) if failures.is_empty() => Ok(possible),
        _ => Err(failures),
    }
}
