//! What the page can ask for, by feature. Each body is parse, call, map. A command is on the list here and in
//! one file of `permissions/`; a test compares both with the page's own list.
#![expect(
    clippy::needless_pass_by_value,
    reason = "Tauri gives what a command asks for by value"
)]

mod activity;
mod agents;
mod app;
mod bring_in;
mod files;
mod handover;
mod keys;
mod network;
pub mod place;
mod ports;
mod review;
mod sandboxes;
mod saving;
mod snapshots;
mod terminals;
mod view;

use tauri::ipc::Invoke;

/// The list.
pub fn handler<R: tauri::Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        activity::activity,
        activity::save_activity,
        app::app_info,
        app::cancel_operation,
        app::copy_text,
        app::disk_use,
        app::finish_first_start,
        app::image_state,
        app::list_images,
        app::open_engine_app,
        app::open_in_file_manager,
        app::open_link,
        app::prepare_image,
        app::read_clipboard,
        app::remove_everything,
        app::remove_everything_preview,
        app::run_check,
        app::save_settings,
        app::settings,
        app::start_at_login,
        app::starts_at_login,
        app::subscribe,
        app::unwatch,
        app::watch_drops,
        bring_in::bring_in,
        bring_in::start_again,
        bring_in::undo_bring_in,
        files::find_files,
        files::list_folder,
        files::live_changes,
        files::read_file,
        agents::agents,
        agents::agent_problems,
        agents::update_agent,
        agents::use_tried_agent,
        handover::choose_folder,
        handover::create_sandbox,
        handover::preflight,
        handover::recent_projects,
        handover::sample_project,
        keys::forget_log_in,
        keys::keep_log_in,
        keys::keys,
        keys::log_in,
        keys::log_ins,
        keys::remove_key,
        keys::set_key,
        keys::use_keys,
        network::answer_site,
        network::change_sites,
        network::forget_site_for_all,
        network::proxy,
        network::set_proxy,
        network::site_asks,
        network::site_rules,
        network::sites_for_all,
        place::choose_data_folder,
        place::data_folder,
        place::use_data_folder,
        place::usual_data_folder,
        ports::await_log_in,
        ports::close_preview,
        ports::list_ports,
        ports::open_preview,
        review::conflict,
        review::copy_out,
        review::copy_outs,
        review::decide,
        review::changed_since,
        review::remember_filters,
        review::file_diff,
        review::accepted_diff,
        review::redo_copy_out,
        review::resolve_conflict,
        review::review,
        review::review_image,
        review::unchanged_lines,
        review::undo_copy_out,
        sandboxes::list_sandboxes,
        sandboxes::pause_sandbox,
        sandboxes::processes,
        sandboxes::remove_sandbox,
        sandboxes::rename_sandbox,
        sandboxes::restart_sandbox,
        sandboxes::resume_sandbox,
        sandboxes::reshape,
        sandboxes::start_sandbox,
        sandboxes::stop_sandbox,
        sandboxes::watch_stats,
        saving::save_branch,
        saving::save_commits,
        saving::save_patch,
        saving::save_to_folder,
        snapshots::compare,
        snapshots::compare_diff,
        snapshots::delete_snapshot,
        snapshots::name_snapshot,
        snapshots::put_back,
        snapshots::reset,
        snapshots::snapshots,
        snapshots::home_size,
        snapshots::take_snapshot,
        snapshots::wipe,
        terminals::ack_terminal,
        terminals::attach_terminal,
        terminals::close_terminal,
        terminals::detach_terminal,
        terminals::list_terminals,
        terminals::open_terminal,
        terminals::resize_terminal,
        terminals::terminal_input,
    ]
}
