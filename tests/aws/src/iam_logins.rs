//! IAM: console passwords, and what the account asks of them. Sources of limits and messages: IAM API reference.

use homeroom::strict::{Refusal, Request};
use tokio::time::Instant;

use super::ACCOUNT;
use super::iam::missing;
use super::iam_users::refuse;
use super::world::World;

/// A console password.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) password: String,
    pub(super) reset_required: bool,
    settled_at: Instant,
}

impl World {
    pub(super) fn login(&mut self, name: &str, request: &Request) -> Result<String, Refusal> {
        if name == "GetAccountPasswordPolicy" {
            let shortest = self.principals.shortest_password.ok_or_else(|| {
                missing(&format!("The Password Policy with domain name {ACCOUNT}"))
            })?;
            return Ok(format!(
                "<PasswordPolicy><MinimumPasswordLength>{shortest}</MinimumPasswordLength><RequireSymbols>true</RequireSymbols><RequireNumbers>true</RequireNumbers><RequireUppercaseCharacters>true</RequireUppercaseCharacters><RequireLowercaseCharacters>true</RequireLowercaseCharacters><AllowUsersToChangePassword>false</AllowUsersToChangePassword></PasswordPolicy>"
            ));
        }
        let (now, settles) = (self.now, self.principals.login_settles);
        let shortest = self.principals.shortest_password;
        let user = self.user(request)?;
        let who = user.name.clone();
        if name == "CreateLoginProfile" {
            if user.login.is_some() {
                let message = format!("Login Profile for user {who} already exists.");
                return refuse(409, "EntityAlreadyExists", message);
            }
        } else {
            let Some(login) = &user.login else {
                return Err(missing(&format!("Login Profile for User {who}")));
            };
            if login.settled_at > now {
                let message = format!(
                    "Login Profile for User {who} cannot be modified while login profile is being created."
                );
                return refuse(409, "EntityTemporarilyUnmodifiable", message);
            }
        }
        user.login = match name {
            "DeleteLoginProfile" => None,
            "CreateLoginProfile" | "UpdateLoginProfile" => Some(Login {
                password: password(request.text("Password"), shortest)?,
                reset_required: request.text("PasswordResetRequired") == "true",
                settled_at: now + settles,
            }),
            _ => panic!("IAM here knows no {name}"),
        };
        Ok(match name {
            "CreateLoginProfile" => format!(
                "<LoginProfile><UserName>{who}</UserName><CreateDate>2026-01-01T00:00:00Z</CreateDate></LoginProfile>"
            ),
            _ => String::new(),
        })
    }
}

/// A password that the account takes.
fn password(password: &str, shortest: Option<usize>) -> Result<String, Refusal> {
    let violation = |words: &str| refuse(400, "PasswordPolicyViolation", words);
    if password.is_empty() || password.chars().count() > 128 {
        return refuse(400, "ValidationError", "password has a wrong length");
    }
    if let Some(shortest) = shortest {
        if password.chars().count() < shortest {
            return violation(&format!(
                "Password should have a minimum length of {shortest}"
            ));
        }
        // The symbols that count, of UpdateAccountPasswordPolicy's RequireSymbols.
        let kinds: [fn(char) -> bool; 4] = [
            |c| c.is_ascii_uppercase(),
            |c| c.is_ascii_lowercase(),
            |c| c.is_ascii_digit(),
            |c| "!@#$%^&*()_+-=[]{}|'".contains(c),
        ];
        if !kinds.iter().all(|kind| password.chars().any(kind)) {
            return violation("Password should have at least one of every kind of character");
        }
    }
    Ok(password.to_owned())
}
