import { readdir, readFile, writeFile } from "node:fs/promises";
import {
  Cassette,
  CassetteError,
  Command,
  type RunningProcess,
} from "../../mod.ts";
import { failureOf, sleep } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { sized } from "../size.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";
import { isPast, SAVE_POINTS, type SavePoint } from "./save_points.ts";

const MODES = ["record", "new-episodes"] as const;
type Mode = typeof MODES[number];

/** Starts a process that saves to `path`, and waits until it has stopped at `point` of its save number `save`. */
async function stoppedSaver(
  path: string,
  mode: Mode,
  point: SavePoint,
  save: number,
): Promise<RunningProcess> {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/save_to_point.ts",
  );
  const saver = await new Command(program, args)
    .args([path, mode, point, `${save}`]).keepStdinOpen().start();
  await saver.waitForLine((line) => line === point, 60_000);
  return saver;
}

/** The argument of each entry's command. For entries of a saver it is the number of the save that wrote it first. */
function wordsOf({ entries }: Cassette): string[] {
  return entries.map(({ args }) => args[0]);
}

/** Where a process is killed: one point for each state that a folder can be in, or every point. */
const POINTS: readonly SavePoint[] = sized(
  [
    "locked the folder",
    "created the temporary file",
    "written half of the temporary file",
    "closed the temporary file",
    "renamed the temporary file",
  ],
  [...SAVE_POINTS],
);

/** The numbers of the saves that are interrupted at a point. The first save is into a new folder. */
function interruptedSaves(index: number): readonly number[] {
  // At full size 25 saves complete for each of the 12 points, which makes 300.
  return sized([1 + index % 2], [1, 3, 5, 8, 13]);
}

for (const mode of MODES) {
  test(`a process that is killed at any point of a save leaves the cassette whole (${mode})`, async () => {
    let completed = 0;
    for (const [index, point] of POINTS.entries()) {
      for (const save of interruptedSaves(index + MODES.indexOf(mode))) {
        await killAt(mode, point, save);
        completed += save - 1;
      }
    }
    assert(completed >= sized(2, 300), `${completed}`);
  });
}

/** Kills a process at a point of a save, and checks what is in the folder then, and after the next save. */
async function killAt(
  mode: Mode,
  point: SavePoint,
  save: number,
): Promise<void> {
  await using folder = await temporaryFolder();
  const path = folder.file("new/c.json");
  const before = save === 1 ? [] : ["before"];
  if (save > 1) await cassetteOf(before).write(path);
  {
    await using saver = await stoppedSaver(path, mode, point, save);
    saver.kill();
    await saver.wait();
  }
  const where = `killed when save ${save} had ${point}`;
  const isRenamed = isPast(point, "renamed the temporary file");
  const saved = Array.from(
    { length: isRenamed ? save : save - 1 },
    (_, index) => `${index + 1}`,
  );
  const isReplaced = mode === "record" && saved.length > 0;
  const words = isReplaced ? saved : [...before, ...saved];
  const names = await readdir(folder.file("new"));
  const isThere = names.includes("c.json");
  assertEquals(isThere, words.length > 0, where);
  if (isThere) assertEquals(wordsOf(await Cassette.read(path)), words, where);

  const temporary = names.filter((name) => name !== "c.json");
  const isTemporaryLeft = isPast(point, "created the temporary file") &&
    !isRenamed;
  assertEquals(temporary.length, isTemporaryLeft ? 1 : 0, where);
  for (const name of temporary) {
    const text = await readFile(folder.file(`new/${name}`), "utf8");
    if (isPast(point, "written the temporary file")) {
      assertEquals(wordsOf(Cassette.parse(text)).at(-1), `${save}`, where);
    } else {
      const isHalf = point === "written half of the temporary file";
      assertEquals(text.startsWith("{"), isHalf, where);
      assertInstanceOf(
        await failureOf((() => Promise.resolve(text).then(Cassette.parse))()),
        CassetteError,
        where,
      );
    }
  }
  // A save of another cassette leaves the temporary file alone; the next save of this one removes it.
  await new Cassette().write(folder.file("new/other.json"));
  assertEquals(
    (await readdir(folder.file("new"))).sort(),
    [...names, "other.json"].sort(),
    where,
  );
  await new Cassette().write(path);
  assertEquals(
    (await readdir(folder.file("new"))).sort(),
    ["c.json", "other.json"],
    where,
  );
}

function cassetteOf(words: readonly string[]): Cassette {
  const [entry] = Cassette.parse(
    '{"version":1,"entries":[{"program":"tool","args":[],"stdout":"","stderr":"","code":0}]}',
  ).entries;
  return new Cassette(words.map((word) => ({ ...entry, args: [word] })));
}

test("a save waits for a save of another process, and does not remove its temporary file", async () => {
  for (
    const point of [
      "created the temporary file",
      "written half of the temporary file",
      "closed the temporary file",
    ] as const
  ) {
    await using folder = await temporaryFolder();
    const path = folder.file("c.json");
    await using saver = await stoppedSaver(path, "record", point, 1);
    const names = await readdir(folder.path);
    assertEquals(names.length, 1);
    const saving = new Cassette().write(path);
    // A save that did not wait would be over by then.
    const isOver = await Promise.race([
      saving.then(() => true),
      sleep(200).then(() => false),
    ]);
    assertEquals(isOver, false, point);
    assertEquals(await readdir(folder.path), names, point);
    const stdin = saver.takeStdin()!;
    await stdin.writeLine("");
    await stdin.finish();
    assertEquals(await saver.wait(), { kind: "exited", code: 0 }, point);
    await saving;
    // The save that waited came second, and replaced the file.
    assertEquals((await Cassette.read(path)).entries, [], point);
    assertEquals(await readdir(folder.path), ["c.json"], point);
  }
});

test("a save keeps files whose names only resemble a temporary file's name", async () => {
  await using folder = await temporaryFolder();
  const others = [
    ".c.json.0123456789abcdef.tmp.bak",
    ".c.json.0123456789ABCDEF.tmp",
    "c.json.0123456789abcdef.tmp",
    ".d.json.0123456789abcdef.tmp",
    ".c.json.tmp",
  ];
  for (const name of others) await writeFile(folder.file(name), "");
  await writeFile(folder.file(".c.json.0123456789abcdef.tmp"), "");
  await new Cassette().write(folder.file("c.json"));
  assertEquals(
    (await readdir(folder.path)).sort(),
    [...others, "c.json"].sort(),
  );
});

test("many saves at once in one folder all complete", async () => {
  await using folder = await temporaryFolder();
  await Promise.all(
    Array.from(
      { length: sized(100, 1000) },
      (_, index) => new Cassette().write(folder.file(`${index % 10}.json`)),
    ),
  );
  assertEquals((await readdir(folder.path)).length, 10);
});

test("a save that fails releases the lock of the folder", async () => {
  await using folder = await temporaryFolder();
  await new Cassette().write(folder.file("a/c.json"));
  for (let attempt = 0; attempt < 3; attempt++) {
    const error = await failureOf(new Cassette().write(folder.file("a")));
    assertInstanceOf(error, CassetteError, "a folder was replaced");
  }
  await new Cassette().write(folder.file("c.json"));
});
