//! The controller's shell: the metadata log, its driver, and the publishing of images.
