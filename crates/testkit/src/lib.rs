//! Scenario runner, fakes and checkers that tests share.
