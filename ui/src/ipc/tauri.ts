/** The backend of the real window: each method is one command. The only file that imports Tauri. */
import { Channel, invoke } from '@tauri-apps/api/core';
import type { Backend, Stop } from './backend';
import type { Dropped, Numbered, Stats } from './index';

export function tauriBackend(): Backend {
  return {
    // The app
    appInfo: () => invoke('app_info'),
    runCheck: (check) => invoke('run_check', { check }),
    finishFirstStart: () => invoke('finish_first_start'),
    imageState: () => invoke('image_state'),
    prepareImage: () => invoke('prepare_image'),
    listImages: () => invoke('list_images'),
    settings: () => invoke('settings'),
    saveSettings: (settings) => invoke('save_settings', { settings }),
    startsAtLogin: () => invoke('starts_at_login'),
    startAtLogin: (on) => invoke('start_at_login', { on }),
    dataFolder: () => invoke('data_folder'),
    chooseDataFolder: () => invoke('choose_data_folder'),
    usualDataFolder: () => invoke('usual_data_folder'),
    useDataFolder: () => invoke('use_data_folder'),
    diskUse: () => invoke('disk_use'),
    removeEverythingPreview: () => invoke('remove_everything_preview'),
    removeEverything: (operation) => invoke('remove_everything', { operation }),
    subscribe: async (listener) => {
      const channel = new Channel<Numbered>(listener);
      const id = await invoke<number>('subscribe', { channel });
      return ending(channel, () => invoke('unwatch', { id }));
    },
    // The page is not granted Tauri's own events, so drops come by a command too.
    onDrop: async (listener) => {
      const channel = new Channel<Dropped>(listener);
      const id = await invoke<number>('watch_drops', { channel });
      return ending(channel, () => invoke('unwatch', { id }));
    },
    cancelOperation: (operation) => invoke('cancel_operation', { operation }),
    openEngineApp: () => invoke('open_engine_app'),
    openInFileManager: (path) => invoke('open_in_file_manager', { path }),
    openLink: (url) => invoke('open_link', { url }),
    copyText: (text) => invoke('copy_text', { text }),
    readClipboard: () => invoke('read_clipboard'),

    // Network
    siteAsks: () => invoke('site_asks'),
    answerSite: (sandbox, ask, answer, forAll) => invoke('answer_site', { sandbox, ask, answer, forAll }),
    sitesForAll: () => invoke('sites_for_all'),
    forgetSiteForAll: (rule) => invoke('forget_site_for_all', { rule }),
    siteRules: (sandbox) => invoke('site_rules', { sandbox }),
    changeSites: (sandbox, change) => invoke('change_sites', { sandbox, change }),

    // Ports and previews
    listPorts: (sandbox) => invoke('list_ports', { sandbox }),
    openPreview: (sandbox, port) => invoke('open_preview', { sandbox, port }),
    awaitLogIn: (sandbox, port) => invoke('await_log_in', { sandbox, port }),
    closePreview: (sandbox, port) => invoke('close_preview', { sandbox, port }),

    // Keys
    keys: () => invoke('keys'),
    setKey: (key) => invoke('set_key', { key }),
    removeKey: (provider) => invoke('remove_key', { provider }),
    useKeys: (sandbox, providers) => invoke('use_keys', { sandbox, providers }),
    logIns: () => invoke('log_ins'),
    logIn: (sandbox) => invoke('log_in', { sandbox }),
    keepLogIn: (sandbox, at) => invoke('keep_log_in', { sandbox, at }),
    forgetLogIn: (agent) => invoke('forget_log_in', { agent }),
    proxy: () => invoke('proxy'),
    setProxy: (proxy) => invoke('set_proxy', { proxy }),

    // Hand-over
    chooseFolder: (title) => invoke('choose_folder', { title }),
    recentProjects: () => invoke('recent_projects'),
    sampleProject: () => invoke('sample_project'),
    preflight: (project, choices) => invoke('preflight', { project, choices }),
    agents: () => invoke('agents'),
    agentProblems: () => invoke('agent_problems'),
    updateAgent: (agent, operation) => invoke('update_agent', { agent, operation }),
    useTriedAgent: (agent) => invoke('use_tried_agent', { agent }),
    createSandbox: (request) => invoke('create_sandbox', { request }),

    // Sandboxes
    listSandboxes: () => invoke('list_sandboxes'),
    startSandbox: (sandbox) => invoke('start_sandbox', { sandbox }),
    stopSandbox: (sandbox) => invoke('stop_sandbox', { sandbox }),
    restartSandbox: (sandbox) => invoke('restart_sandbox', { sandbox }),
    pauseSandbox: (sandbox) => invoke('pause_sandbox', { sandbox }),
    resumeSandbox: (sandbox) => invoke('resume_sandbox', { sandbox }),
    renameSandbox: (sandbox, name) => invoke('rename_sandbox', { sandbox, name }),
    reshape: (sandbox, limits, runtime) => invoke('reshape', { sandbox, limits, runtime }),
    removeSandbox: (sandbox) => invoke('remove_sandbox', { sandbox }),
    listFolder: (sandbox, folder) => invoke('list_folder', { sandbox, folder }),
    findFiles: (sandbox, query, limit) => invoke('find_files', { sandbox, query, limit }),
    readFile: (sandbox, path) => invoke('read_file', { sandbox, path }),
    liveChanges: (sandbox) => invoke('live_changes', { sandbox }),
    watchStats: async (sandbox, listener) => {
      const channel = new Channel<Stats | null>(listener);
      const id = await invoke<number>('watch_stats', { sandbox, channel });
      return ending(channel, () => invoke('unwatch', { id }));
    },
    processes: (sandbox) => invoke('processes', { sandbox }),
    saveActivity: (sandbox) => invoke('save_activity', { sandbox }),
    activity: (sandbox, kinds, query, before, since) => invoke('activity', { sandbox, kinds, query, before, since }),

    // Terminals
    listTerminals: (sandbox) => invoke('list_terminals', { sandbox }),
    openTerminal: (request) => invoke('open_terminal', { request }),
    attachTerminal,
    terminalInput: (sandbox, terminal, data) =>
      invoke('terminal_input', data, { headers: { sandbox, terminal: String(terminal) } }),
    resizeTerminal: (sandbox, terminal, cols, rows) => invoke('resize_terminal', { sandbox, terminal, cols, rows }),
    closeTerminal: (sandbox, terminal) => invoke('close_terminal', { sandbox, terminal }),

    // Review and copy-out
    review: (sandbox, fresh, operation) => invoke('review', { sandbox, fresh, operation }),
    fileDiff: (sandbox, capture, path, options) => invoke('file_diff', { sandbox, capture, path, options }),
    unchangedLines: (sandbox, capture, path, newFrom, count, accepted) =>
      invoke('unchanged_lines', { sandbox, capture, path, newFrom, count, accepted }),
    acceptedDiff: (sandbox, capture, path, options) => invoke('accepted_diff', { sandbox, capture, path, options }),
    reviewImage: (sandbox, capture, path, side) => invoke('review_image', { sandbox, capture, path, side }),
    decide: (sandbox, capture, decisions) => invoke('decide', { sandbox, capture, decisions }),
    changedSince: (sandbox, capture) => invoke('changed_since', { sandbox, capture }),
    rememberFilters: (sandbox, filters) => invoke('remember_filters', { sandbox, filters }),
    conflict: (sandbox, capture, path) => invoke('conflict', { sandbox, capture, path }),
    resolveConflict: (sandbox, capture, path, resolution) =>
      invoke('resolve_conflict', { sandbox, capture, path, resolution }),
    copyOut: (sandbox, capture, operation) => invoke('copy_out', { sandbox, capture, operation }),
    undoCopyOut: (sandbox, copyOut, operation) => invoke('undo_copy_out', { sandbox, copyOut, operation }),
    redoCopyOut: (sandbox, operation) => invoke('redo_copy_out', { sandbox, operation }),
    copyOuts: (sandbox) => invoke('copy_outs', { sandbox }),
    savePatch: (sandbox, capture) => invoke('save_patch', { sandbox, capture }),
    saveToFolder: (sandbox, capture, operation) => invoke('save_to_folder', { sandbox, capture, operation }),
    saveBranch: (sandbox, capture, operation) => invoke('save_branch', { sandbox, capture, operation }),
    saveCommits: (sandbox) => invoke('save_commits', { sandbox }),
    bringIn: (sandbox, operation) => invoke('bring_in', { sandbox, operation }),
    undoBringIn: (sandbox, operation) => invoke('undo_bring_in', { sandbox, operation }),
    startAgain: (sandbox, operation) => invoke('start_again', { sandbox, operation }),

    // Snapshots
    snapshots: (sandbox) => invoke('snapshots', { sandbox }),
    homeSize: (sandbox) => invoke('home_size', { sandbox }),
    takeSnapshot: (sandbox, name, withHome, operation) =>
      invoke('take_snapshot', { sandbox, name, withHome, operation }),
    nameSnapshot: (sandbox, snapshot, name) => invoke('name_snapshot', { sandbox, snapshot, name }),
    deleteSnapshot: (sandbox, snapshot) => invoke('delete_snapshot', { sandbox, snapshot }),
    compare: (sandbox, from, to) => invoke('compare', { sandbox, from, to }),
    compareDiff: (sandbox, from, to, path, options) => invoke('compare_diff', { sandbox, from, to, path, options }),
    putBack: (sandbox, snapshot, paths, operation) => invoke('put_back', { sandbox, snapshot, paths, operation }),
    reset: (sandbox, snapshot, withHome, operation) => invoke('reset', { sandbox, snapshot, withHome, operation }),
    wipe: (sandbox, operation) => invoke('wipe', { sandbox, operation }),
  };
}

/** The bytes come raw. What was drawn is acknowledged, else the other side stops sending. */
async function attachTerminal(
  sandbox: string,
  terminal: number,
  listener: (chunk: Uint8Array, done: () => void) => void,
): Promise<Stop> {
  let attachment: number | null = null;
  let early = 0;
  const acknowledge = (bytes: number): void => {
    if (attachment === null) early += bytes;
    else void invoke('ack_terminal', { sandbox, terminal, attachment, bytes }).catch(() => undefined);
  };
  const channel = new Channel<ArrayBuffer | number[]>((data) => {
    // Small messages may come as a JSON array; both mean the same bytes.
    const chunk = data instanceof ArrayBuffer ? new Uint8Array(data) : Uint8Array.from(data);
    listener(chunk, () => acknowledge(chunk.byteLength));
  });
  attachment = await invoke<number>('attach_terminal', { sandbox, terminal, channel });
  if (early > 0) acknowledge(early);
  const id = attachment;
  return ending(channel, () => invoke('detach_terminal', { id }));
}

/** Ends a subscription once; a failure to say so is of no use to anyone. */
function ending<T>(channel: Channel<T>, tell: () => Promise<unknown>): Stop {
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    channel.onmessage = () => undefined;
    void tell().catch(() => undefined);
  };
}
