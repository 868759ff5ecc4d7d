import { readdir, writeFile } from "node:fs/promises";
import { Cassette, CassetteError, Command } from "../../mod.ts";
import { sleep } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { assert, assertEquals } from "../std.ts";

const SAVES = 300;

for (const mode of ["record", "new-episodes"] as const) {
  test(`a process that is killed at random moments during 300 saves never leaves a broken file (${mode})`, async () => {
    await using folder = await temporaryFolder();
    const path = folder.file("c.json");
    const { program, args } = scriptWords(
      runtimeName,
      "tests/fixtures/save_for_ever.ts",
    );
    let entries = 0;
    let leftovers = 0;
    for (let saves = 0; saves < SAVES;) {
      // It begins from the last file in one mode, and anew in the other.
      await using saver = await new Command(program, [...args, path, mode])
        .start();
      const last = 1 + Math.floor(Math.random() * 12);
      await saver.waitForLine((line) => line === String(last), 30_000);
      await sleep(Math.random() * 4);
      saver.kill();
      await saver.wait();
      saves += last;

      const cassette = await Cassette.read(path);
      if (mode === "record") assert(cassette.entries.length >= last);
      else assert(cassette.entries.length >= entries + last);
      entries = cassette.entries.length;
      const names = (await readdir(folder.path)).filter((name) =>
        name !== "c.json" && name !== "other.json"
      );
      assert(names.length <= 1, `${names}`);
      leftovers += names.length;
      // The next save clears what was left lying; another cassette's does not touch it.
      await new Cassette().write(folder.file("other.json"));
      for (const name of names) {
        assert((await readdir(folder.path)).includes(name));
      }
      await new Cassette(entries < 200 ? cassette.entries : []).write(path);
      if (entries >= 200) entries = 0;
      assertEquals((await readdir(folder.path)).sort(), [
        "c.json",
        "other.json",
      ]);
    }
    // Were there none, it would not have been killed where it matters.
    assert(leftovers > 0, "it was never killed during a write");
  });
}

test("what is being saved by somebody else is not taken for left over", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/save_for_ever.ts",
  );
  await using saver = await new Command(program, [...args, path, "record"])
    .start();
  await saver.waitForLine((line) => line === "1", 30_000);
  for (let save = 0; save < 50; save++) {
    await new Cassette().write(path);
    await Cassette.read(path);
  }
  // It goes on: none of its saves has failed.
  await saver.waitForLine(() => true, 30_000);
  saver.kill();
  await saver.wait();
});

test("a file that only looks like what is left over stays", async () => {
  await using folder = await temporaryFolder();
  const others = [
    ".c.json.0123456789abcdef.tmp.bak",
    ".c.json.0123456789ABCDEF.tmp",
    "c.json.0123456789abcdef.tmp",
    ".d.json.0123456789abcdef.tmp",
    ".c.json.tmp",
  ];
  for (const name of others) await writeFile(folder.file(name), "");
  const before = await readdir(folder.path);
  await new Cassette().write(folder.file("c.json"));
  assertEquals(
    (await readdir(folder.path)).sort(),
    [...before, "c.json"].sort(),
  );
});

test("a thousand saves at once in one folder all come to an end", async () => {
  await using folder = await temporaryFolder();
  await Promise.all(
    Array.from(
      { length: 1000 },
      (_, index) => new Cassette().write(folder.file(`${index % 10}.json`)),
    ),
  );
  assertEquals((await readdir(folder.path)).length, 10);
});

test("a save that fails leaves the lock to whoever comes next", async () => {
  await using folder = await temporaryFolder();
  await new Cassette().write(folder.file("a/c.json"));
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await new Cassette().write(folder.file("a"));
      assert(false, "a folder was replaced");
    } catch (error) {
      assert(error instanceof CassetteError, `${error}`);
    }
  }
  await new Cassette().write(folder.file("c.json"));
});
