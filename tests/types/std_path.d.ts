// The npm package ships no declarations; these are of the functions the tests use.
export function join(path: string, ...more: string[]): string;
export function dirname(path: string): string;
export function basename(path: string): string;
export function relative(from: string, to: string): string;
export function fromFileUrl(url: string | URL): string;
export function toFileUrl(path: string): URL;
