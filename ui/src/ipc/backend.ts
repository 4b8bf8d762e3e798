/**
 * Everything the window can ask for. Two implementations: Tauri (`tauri.ts`) and a fake one for the
 * plain browser and the component tests (`fake/`). Nothing else in the UI imports Tauri.
 *
 * Each method is one command of the same name in snake_case, its parameters by these names.
 * A failure rejects with a `WireError`.
 */
import type { ActivityKind } from './generated/ActivityKind';
import type { ActivityPage } from './generated/ActivityPage';
import type { AgentCard } from './generated/AgentCard';
import type { AgentProblem } from './generated/AgentProblem';
import type { AppInfo } from './generated/AppInfo';
import type { AtLogin } from './generated/AtLogin';
import type { BroughtIn } from './generated/BroughtIn';
import type { Check } from './generated/Check';
import type { CheckId } from './generated/CheckId';
import type { CompareSide } from './generated/CompareSide';
import type { ConflictView } from './generated/ConflictView';
import type { CopyOutEntry } from './generated/CopyOutEntry';
import type { CopyOutReport } from './generated/CopyOutReport';
import type { CreateRequest } from './generated/CreateRequest';
import type { DataFolder } from './generated/DataFolder';
import type { Decide } from './generated/Decide';
import type { DiffOptions } from './generated/DiffOptions';
import type { DiskUse } from './generated/DiskUse';
import type { FileDiff } from './generated/FileDiff';
import type { FileView } from './generated/FileView';
import type { HandOverChoices } from './generated/HandOverChoices';
import type { ImageState } from './generated/ImageState';
import type { KeyList } from './generated/KeyList';
import type { KeyPlace } from './generated/KeyPlace';
import type { KeySet } from './generated/KeySet';
import type { Limits } from './generated/Limits';
import type { Listing } from './generated/Listing';
import type { LiveChanges } from './generated/LiveChanges';
import type { LogInRow } from './generated/LogInRow';
import type { LogInState } from './generated/LogInState';
import type { Numbered } from './generated/Numbered';
import type { OpenTerminal } from './generated/OpenTerminal';
import type { OtherDataFolder } from './generated/OtherDataFolder';
import type { PortRow } from './generated/PortRow';
import type { Preflight } from './generated/Preflight';
import type { ProcessRow } from './generated/ProcessRow';
import type { ProxyState } from './generated/ProxyState';
import type { ResetReport } from './generated/ResetReport';
import type { Resolution } from './generated/Resolution';
import type { Review } from './generated/Review';
import type { ReviewFilters } from './generated/ReviewFilters';
import type { SandboxRow } from './generated/SandboxRow';
import type { SavedBranch } from './generated/SavedBranch';
import type { Settings } from './generated/Settings';
import type { SiteAnswer } from './generated/SiteAnswer';
import type { SiteAsk } from './generated/SiteAsk';
import type { SiteChange } from './generated/SiteChange';
import type { SiteRules } from './generated/SiteRules';
import type { SitesForAll } from './generated/SitesForAll';
import type { SnapshotRow } from './generated/SnapshotRow';
import type { Stats } from './generated/Stats';
import type { TerminalRow } from './generated/TerminalRow';
import type { UnchangedLines } from './generated/UnchangedLines';
import type { WirePath } from './generated/WirePath';

/** Ends a subscription. */
export type Stop = () => void;

export interface Backend {
  // The app
  appInfo(): Promise<AppInfo>;
  /** Runs one check of the computer; rows run side by side. */
  runCheck(check: CheckId): Promise<Check>;
  /** The first-start check was passed. */
  finishFirstStart(): Promise<void>;
  imageState(): Promise<ImageState>;
  /** Starts preparing in the background, if needed; `image` and `image_log` events tell. */
  prepareImage(): Promise<void>;
  /** Local images that can be chosen instead. */
  listImages(): Promise<string[]>;
  settings(): Promise<Settings>;
  saveSettings(settings: Settings): Promise<Settings>;
  /** What the system's own list of what starts at login says. */
  startsAtLogin(): Promise<AtLogin>;
  startAtLogin(on: boolean): Promise<AtLogin>;
  dataFolder(): Promise<DataFolder>;
  /** The system's folder dialog, and a look at what was chosen; null when dismissed. */
  chooseDataFolder(): Promise<OtherDataFolder | null>;
  /** The usual one, looked at likewise. */
  usualDataFolder(): Promise<OtherDataFolder>;
  /** Stops what runs and starts the app again with the folder that was looked at last; the window ends with it. */
  useDataFolder(): Promise<void>;
  diskUse(): Promise<DiskUse>;
  /** What *Remove everything this app made* would remove, in words. */
  removeEverythingPreview(): Promise<string[]>;
  removeEverything(operation: string): Promise<void>;
  subscribe(listener: (event: Numbered) => void): Promise<Stop>;
  /** Files and folders dropped on the window, and the pointer over it with files. */
  onDrop(listener: (drop: { over: boolean; paths: string[] | null }) => void): Promise<Stop>;
  cancelOperation(operation: string): Promise<void>;
  /** Opens the app that brings the container engine (`opens` of a check or of the engine's state says which). */
  openEngineApp(): Promise<void>;
  openInFileManager(path: string): Promise<void>;
  /** A link the user followed after seeing its real target; http and https only. */
  openLink(url: string): Promise<void>;
  /** Text into the clipboard. */
  copyText(text: string): Promise<void>;
  readClipboard(): Promise<string>;

  // Hand-over
  /** The system's folder dialog; null when dismissed. */
  chooseFolder(title: string): Promise<string | null>;
  recentProjects(): Promise<string[]>;
  /** Makes the sample project's folder, or finds it, and gives its path. */
  sampleProject(): Promise<string>;
  preflight(project: string, choices: HandOverChoices): Promise<Preflight>;
  agents(): Promise<AgentCard[]>;
  /** What of the user's own agents could not be taken. */
  agentProblems(): Promise<AgentProblem[]>;
  /** The newest version, taken once it is installed; sandboxes get it when they start the next time. */
  updateAgent(agent: string, operation: string): Promise<AgentCard[]>;
  /** Back to the version that was tried with this app. */
  useTriedAgent(agent: string): Promise<AgentCard[]>;
  createSandbox(request: CreateRequest): Promise<SandboxRow>;

  // Sandboxes
  listSandboxes(): Promise<SandboxRow[]>;
  startSandbox(sandbox: string): Promise<void>;
  stopSandbox(sandbox: string): Promise<void>;
  restartSandbox(sandbox: string): Promise<void>;
  pauseSandbox(sandbox: string): Promise<void>;
  resumeSandbox(sandbox: string): Promise<void>;
  renameSandbox(sandbox: string, name: string): Promise<void>;
  /** What it may use, and the engine's runtime that keeps it apart; null: the engine's own. What runs is started anew. */
  reshape(sandbox: string, limits: Limits, runtime: string | null): Promise<void>;
  removeSandbox(sandbox: string): Promise<void>;
  /** Sites that sandboxes ask for, while their connections wait. */
  siteAsks(): Promise<SiteAsk[]>;
  /** `forAll`: a rule of every sandbox instead of this one's. */
  answerSite(sandbox: string, ask: number, answer: SiteAnswer, forAll: boolean): Promise<void>;
  sitesForAll(): Promise<SitesForAll>;
  forgetSiteForAll(rule: string): Promise<SitesForAll>;
  siteRules(sandbox: string): Promise<SiteRules>;
  changeSites(sandbox: string, change: SiteChange): Promise<SiteRules>;
  /** Ports that something in the sandbox listens on, as it says itself, or that are open. */
  listPorts(sandbox: string): Promise<PortRow[]>;
  /** Opens a page of the sandbox in the system's browser; closed with the sandbox. */
  openPreview(sandbox: string, port: number): Promise<void>;
  /** Lets a log-in come back by the same port of this computer, for ten minutes. */
  awaitLogIn(sandbox: string, port: number): Promise<void>;
  closePreview(sandbox: string, port: number): Promise<void>;
  /** Providers, and which of their keys are kept and where; never a key. */
  keys(): Promise<KeyList>;
  /** Keeps a key and hands it to the gateways that use it. */
  setKey(key: KeySet): Promise<KeyList>;
  removeKey(provider: string): Promise<KeyList>;
  /** Lets a sandbox use these providers' keys besides those of its agent. */
  useKeys(sandbox: string, providers: string[]): Promise<void>;
  /** Log-ins that are used in several sandboxes of one agent; never what they are. */
  logIns(): Promise<LogInRow[]>;
  /** What can be done with the log-in of a sandbox. */
  logIn(sandbox: string): Promise<LogInState>;
  /** Reads it out of the running sandbox and keeps it: others of its agent get it when they start. */
  keepLogIn(sandbox: string, at: KeyPlace): Promise<LogInState>;
  forgetLogIn(agent: string): Promise<LogInRow[]>;
  /** The proxy of this computer's network that gateways go by, and the one that this computer names. */
  proxy(): Promise<ProxyState>;
  /** Null: straight out. */
  setProxy(proxy: string | null): Promise<ProxyState>;
  listFolder(sandbox: string, folder: WirePath | null): Promise<Listing>;
  /** Files whose path has all the words of the query; at most `limit`. */
  findFiles(sandbox: string, query: string, limit: number): Promise<WirePath[]>;
  readFile(sandbox: string, path: WirePath): Promise<FileView>;
  liveChanges(sandbox: string): Promise<LiveChanges>;
  /** Once a second while subscribed; null while it does not run. */
  watchStats(sandbox: string, listener: (stats: Stats | null) => void): Promise<Stop>;
  processes(sandbox: string): Promise<ProcessRow[]>;
  /** A page of entries, older than the one `before` and not older than the time `since`; null: no bound. */
  activity(
    sandbox: string,
    kinds: ActivityKind[],
    query: string,
    before: number | null,
    since: number | null,
  ): Promise<ActivityPage>;
  /** All of it into a file that the user names; null when dismissed. */
  saveActivity(sandbox: string): Promise<string | null>;

  // Terminals
  listTerminals(sandbox: string): Promise<TerminalRow[]>;
  openTerminal(request: OpenTerminal): Promise<TerminalRow>;
  /** First the screen and scrollback as they are, then what comes. `done` acknowledges a chunk; without it no more comes. */
  attachTerminal(
    sandbox: string,
    terminal: number,
    listener: (chunk: Uint8Array, done: () => void) => void,
  ): Promise<Stop>;
  terminalInput(sandbox: string, terminal: number, data: Uint8Array): Promise<void>;
  resizeTerminal(sandbox: string, terminal: number, cols: number, rows: number): Promise<void>;
  closeTerminal(sandbox: string, terminal: number): Promise<void>;

  // Review and copy-out
  /** The newest capture's review; `fresh` captures anew. Null when nothing was ever captured. */
  review(sandbox: string, fresh: boolean, operation: string): Promise<Review | null>;
  fileDiff(sandbox: string, capture: string, path: WirePath, options: DiffOptions): Promise<FileDiff>;
  /** What would be written of a file: its diff with the accepted part alone. */
  acceptedDiff(sandbox: string, capture: string, path: WirePath, options: DiffOptions): Promise<FileDiff>;
  unchangedLines(
    sandbox: string,
    capture: string,
    path: WirePath,
    newFrom: number,
    count: number,
    accepted: boolean,
  ): Promise<UnchangedLines>;
  reviewImage(sandbox: string, capture: string, path: WirePath, side: 'old' | 'new'): Promise<FileView>;
  decide(sandbox: string, capture: string, decisions: Decide[]): Promise<Review>;
  /** Files that changed again since the capture; null where its review is not at hand. */
  changedSince(sandbox: string, capture: string): Promise<number | null>;
  /** Which files are shown; the next review says it again. */
  rememberFilters(sandbox: string, filters: ReviewFilters): Promise<void>;
  conflict(sandbox: string, capture: string, path: WirePath): Promise<ConflictView>;
  resolveConflict(sandbox: string, capture: string, path: WirePath, resolution: Resolution): Promise<Review>;
  copyOut(sandbox: string, capture: string, operation: string): Promise<CopyOutReport>;
  /** Takes one back, or the newest that is not taken back. */
  undoCopyOut(sandbox: string, copyOut: string | null, operation: string): Promise<CopyOutReport>;
  /** Takes the newest undo back, while nothing was copied out since. */
  redoCopyOut(sandbox: string, operation: string): Promise<CopyOutReport>;
  copyOuts(sandbox: string): Promise<CopyOutEntry[]>;
  /** Asks where to and saves the accepted changes; null when dismissed, else the path. */
  savePatch(sandbox: string, capture: string): Promise<string | null>;
  saveToFolder(sandbox: string, capture: string, operation: string): Promise<string | null>;
  /** A new branch with one commit in the folder's own repository; nothing else of it changes. */
  saveBranch(sandbox: string, capture: string, operation: string): Promise<SavedBranch>;
  /** The agent's own commits as patches, made by git in the sandbox; null when dismissed. */
  saveCommits(sandbox: string): Promise<string | null>;
  /** The user's newer changes into the workspace; where both changed a file, the workspace keeps the agent's. */
  bringIn(sandbox: string, operation: string): Promise<BroughtIn>;
  undoBringIn(sandbox: string, operation: string): Promise<CopyOutReport>;
  /** The workspace becomes what the folder is now: a new baseline, the old one kept. */
  startAgain(sandbox: string, operation: string): Promise<ResetReport>;

  // Snapshots
  snapshots(sandbox: string): Promise<SnapshotRow[]>;
  /** With the home folder: installed packages and log-ins. */
  /** Bytes of the home folder; null where it is not known. Measuring takes a while. */
  homeSize(sandbox: string): Promise<number | null>;
  takeSnapshot(sandbox: string, name: string | null, withHome: boolean, operation: string): Promise<SnapshotRow>;
  nameSnapshot(sandbox: string, snapshot: string, name: string | null): Promise<void>;
  deleteSnapshot(sandbox: string, snapshot: string): Promise<void>;
  compare(sandbox: string, from: CompareSide, to: CompareSide): Promise<LiveChanges>;
  compareDiff(
    sandbox: string,
    from: CompareSide,
    to: CompareSide,
    path: WirePath,
    options: DiffOptions,
  ): Promise<FileDiff>;
  /** Paths as they are in the snapshot, into the workspace. */
  putBack(sandbox: string, snapshot: string, paths: WirePath[], operation: string): Promise<ResetReport>;
  /** To the baseline, or to a snapshot. Undo is a reset to `safety`, with the home folder as before. */
  reset(sandbox: string, snapshot: string | null, withHome: boolean, operation: string): Promise<ResetReport>;
  /** To the baseline, and the home folder is emptied: log-ins, conversations. Undo brings the workspace back only. */
  wipe(sandbox: string, operation: string): Promise<ResetReport>;
}
