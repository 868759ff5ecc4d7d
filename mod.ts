/**
 * Runs child processes on Deno and Bun, ends every process that a run starts, and records
 * and replays runs in tests.
 *
 * {@linkcode Command} describes a run, {@linkcode ProcessRunner} is what runs it, and
 * {@linkcode withCassette} records and replays the runs of a test.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * const head = new Command("git", ["rev-parse", "HEAD"]).timeout(10_000);
 * console.log(await head.run());
 * ```
 *
 * @module
 */

export { Cassette } from "./src/cassette/format/cassette.ts";
export type {
  CassetteEntry,
  CassetteField,
  CassetteKey,
  CassetteTiming,
  EnvDigests,
  TimedOutput,
} from "./src/cassette/format/entry.ts";
export {
  type ChangedRun,
  CheckReport,
  type SkippedRun,
} from "./src/cassette/recorder/drift_check.ts";
export type {
  CassetteMode,
  CassetteOptions,
  MatchOptions,
  OpenOptions,
} from "./src/cassette/recorder/options.ts";
export { RecordReplayRunner } from "./src/cassette/recorder/record_replay_runner.ts";
export type { RunnerMode } from "./src/cassette/recorder/session.ts";
export type { TestIdentity } from "./src/cassette/testing/cassette_path.ts";
export {
  type CassetteBody,
  withCassette,
  type WithCassetteOptions,
} from "./src/cassette/testing/with_cassette.ts";
export type {
  NormalizeFunction,
  RedactFunction,
} from "./src/cassette/transform/field_transform.ts";
export type { Guard, GuardRefusal } from "./src/cassette/transform/guard.ts";
export {
  PathNormalizer,
  paths,
  type PathsOptions,
} from "./src/cassette/transform/paths.ts";
export {
  EnvRedaction,
  redactEnv,
  redactPattern,
} from "./src/cassette/transform/redaction.ts";
export { CliClient, type CliClientOptions } from "./src/client/cli_client.ts";
export { outputString, run, type RunOptions } from "./src/client/one_liners.ts";
export { type Arguments, Command } from "./src/command/command.ts";
export type { Invocation } from "./src/command/invocation.ts";
export type { LineMatch } from "./src/command/line_match.ts";
export type { OutputBufferPolicy } from "./src/command/output_buffer.ts";
export type { Signal } from "./src/command/signal.ts";
export type {
  LineHandler,
  OutputFileOptions,
  OutputMode,
  RetryOptions,
} from "./src/command/spec.ts";
export { Stdin } from "./src/command/stdin.ts";
export type { ContainmentChoice } from "./src/containment/containment.ts";
export {
  type HostContainment,
  hostContainment,
} from "./src/containment/host_containment.ts";
export type { ContainmentMechanism } from "./src/containment/mechanism.ts";
export { DryRunRunner } from "./src/doubles/dry_run_runner.ts";
export { RecordingRunner } from "./src/doubles/recording_runner.ts";
export { Reply } from "./src/doubles/reply.ts";
export { ScriptedRunner } from "./src/doubles/scripted_runner.ts";
export {
  type AnyProcessKitError,
  isProcessKitError,
  type ProcessKitErrorKind,
} from "./src/outcome/any_error.ts";
export {
  ProcessKitError,
  type ProcessKitErrorOptions,
} from "./src/outcome/base_error.ts";
export {
  CassetteError,
  type CassetteErrorReason,
  CassetteMissError,
  type CassetteMissOptions,
  type CassetteMissReason,
  type NearRecording,
} from "./src/outcome/cassette_errors.ts";
export {
  CancelledError,
  isNotFound,
  NotFoundError,
  NotReadyError,
  type NotReadyErrorOptions,
  OutputConsumedError,
  OutputTooLargeError,
  ParseError,
  SpawnError,
  StdinClosedError,
  StdinConsumedError,
  StdinError,
  UnsupportedError,
} from "./src/outcome/errors.ts";
export type { Outcome } from "./src/outcome/outcome.ts";
export {
  type OutputStream,
  ProcessResult,
  type ProcessResultFields,
} from "./src/outcome/result.ts";
export {
  ExitError,
  type FinishedRun,
  FinishedRunError,
  HandlerError,
  SignalledError,
  TimeoutError,
} from "./src/outcome/run_errors.ts";
export { Pipeline } from "./src/pipeline/pipeline.ts";
export {
  type PipelineEnd,
  PipelineSession,
} from "./src/pipeline/pipeline_session.ts";
export {
  outputAll,
  type OutputAllOptions,
  waitAll,
  waitAny,
} from "./src/runner/batch.ts";
export type { ProcessEvent } from "./src/runner/event_reader.ts";
export { JobRunner, type JobRunnerOptions } from "./src/runner/job_runner.ts";
export type { PortAddress } from "./src/runner/probes.ts";
export {
  type GroupStats,
  ProcessGroup,
  type ProcessGroupOptions,
  type ShutdownOptions,
  type ShutdownReport,
} from "./src/runner/process_group.ts";
export { ProcessRunner } from "./src/runner/process_runner.ts";
export { ProcessStdin } from "./src/runner/process_stdin.ts";
export type { RunProfile } from "./src/runner/profile.ts";
export { RunningProcess } from "./src/runner/running_process.ts";
export { which } from "./src/runner/which.ts";
export type { Clock } from "./src/supervisor/clock.ts";
export type {
  HealthCheck,
  HealthCheckOptions,
  RestartPolicy,
} from "./src/supervisor/plan.ts";
export type {
  SupervisionOutcome,
  SupervisionState,
  SupervisionStatus,
  SupervisionStopReason,
} from "./src/supervisor/supervision_outcome.ts";
export { SupervisionSession } from "./src/supervisor/supervision_session.ts";
export { Supervisor } from "./src/supervisor/supervisor.ts";
